import type { FastifyReply } from 'fastify';
import { html, type Markup } from './html.ts';

/** Nothing from elsewhere, nothing inline, and in nobody's frame. */
const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

export type Page = {
  title: string;
  content: Markup;
  /** Who is signed in, and the token of the form that signs out. */
  signedIn?: { name: string; formToken: string };
  /** Whether the page's script is of use; every page works without it. */
  hasScript?: boolean;
};

/** A whole page. */
export const renderPage = ({ title, content, signedIn, hasScript = false }: Page): string =>
  `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Assay</title>
<link rel="icon" href="/pages/icon.svg">
<link rel="stylesheet" href="/pages/style.css">
${hasScript ? html`<script type="module" src="/pages/passkey.js"></script>` : null}
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<a class="mark" href="/">Assay</a>
${signedIn ? signOutForm(signedIn) : null}
</header>
<main id="main">
${content}
</main>
</body>
</html>
`}`;

const signOutForm = ({
  name,
  formToken,
}: {
  name: string;
  formToken: string;
}): Markup => html`<form method="post" action="/logout">
<input type="hidden" name="form_token" value="${formToken}">
<span>Signed in as <strong>${name}</strong></span>
<button class="quiet" type="submit">Sign out</button>
</form>`;

/** Says what went wrong, where a screen reader reads it first. */
export const alertOf = (message: string | null): Markup | null =>
  message === null ? null : html`<p class="alert" role="alert">${message}</p>`;

/** Headers of a page: no cache keeps it, since it is about somebody. */
export function asPage(reply: FastifyReply): void {
  reply.type('text/html; charset=utf-8').header('content-security-policy', POLICY).header('cache-control', 'no-store');
}
