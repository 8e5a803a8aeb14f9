import type { InvitationView } from '../../modules/tenancy/index.ts';
import { html, type Markup } from './html.ts';
import { alertOf, renderPage } from './layout.ts';
import type { SignedInAs } from './person.ts';

export type InvitationPage = {
  view: InvitationView;
  token: string;
  formToken: string;
  signedIn: SignedInAs | null;
  problem?: string | null;
  name?: string;
};

/** Shows who invites to what, and the way in that fits whoever looks at it. */
export const renderInvitation = (page: InvitationPage): string => {
  const { view, signedIn, problem = null } = page;
  return renderPage({
    title: 'Invitation',
    ...(signedIn ? { signedIn } : {}),
    content: html`<h1>Join ${view.organizationName}</h1>
${alertOf(problem)}
<p>You are invited to <strong>${view.organizationName}</strong> as <strong>${view.role}</strong>, as
<strong>${view.email}</strong>. The invitation is open until ${timeOf(view.expiresAt)}.</p>
${wayIn(page)}`,
  });
};

function wayIn(page: InvitationPage): Markup {
  const { view, signedIn, token } = page;
  if (signedIn?.name === view.email) return answerForm(page, null);
  if (signedIn) return html`<p>You are signed in as somebody else. Sign out, and open the link again.</p>`;
  if (!view.hasAccount) return answerForm(page, accountFields(page));
  const back = `/invitations/${view.id}?token=${encodeURIComponent(token)}`;
  return html`<p><a href="/login?next=${encodeURIComponent(back)}">Sign in as ${view.email}</a> to accept.</p>
${answerForm(page, null, { mayAccept: false })}`;
}

const answerForm = (
  { view, token, formToken }: InvitationPage,
  fields: Markup | null,
  { mayAccept = true }: { mayAccept?: boolean } = {},
): Markup => html`<form class="card" method="post" action="/invitations/${view.id}">
<input type="hidden" name="form_token" value="${formToken}">
<input type="hidden" name="token" value="${token}">
${fields}
<div class="choices">
${mayAccept ? html`<button type="submit" name="answer" value="accept">Join</button>` : null}
<button type="submit" name="answer" value="decline" class="quiet" formnovalidate>Decline</button>
</div>
</form>`;

const accountFields = ({ view, name = '' }: InvitationPage): Markup => html`<p>This makes your account.</p>
<label for="email">E-mail address</label>
<input id="email" type="email" value="${view.email}" autocomplete="username" readonly>
<label for="name">Your name</label>
<input id="name" name="name" autocomplete="name" required maxlength="100" value="${name}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="new-password" required minlength="12" maxlength="1024" aria-describedby="password_hint">
<p id="password_hint" class="hint">At least twelve characters; a few words in a row are easy to keep.</p>`;

/** Says that it was declined. */
export const renderDeclined = (signedIn: SignedInAs | null): string =>
  renderPage({
    title: 'Declined',
    ...(signedIn ? { signedIn } : {}),
    content: html`<h1>Declined</h1>\n<p role="status">The invitation is over. You can close this page.</p>`,
  });

const timeOf = (time: Date): Markup =>
  html`<time datetime="${time.toISOString()}">${time.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>`;
