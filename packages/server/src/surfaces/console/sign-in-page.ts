import { html } from './html.ts';
import { alertOf, renderPage } from './layout.ts';

export type SignInForm = { next: string; formToken: string; email?: string; problem?: string | null };

/** The form to sign in with. */
export const renderSignIn = ({ next, formToken, email = '', problem = null }: SignInForm): string =>
  renderPage({
    title: 'Sign in',
    hasScript: true,
    content: html`<h1>Sign in</h1>
${alertOf(problem)}
<form class="card" method="post" action="/login">
<input type="hidden" name="form_token" value="${formToken}">
<input type="hidden" name="next" value="${next}">
<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required value="${email}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button type="submit">Sign in</button>
<p><a href="/account/forgot-password">Forgotten your password?</a></p>
</form>
<p data-passkey-problem role="status"></p>
<form method="post" action="/login/passkey" data-passkey hidden>
<input type="hidden" name="form_token" value="${formToken}">
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="response">
<button class="quiet" type="submit">Sign in with a passkey</button>
</form>
<details>
<summary>Sign in at your organization</summary>
<form class="card" method="get" action="/oauth/sso/start">
<input type="hidden" name="next" value="${next}">
<label for="sso_email">E-mail address at your organization</label>
<input id="sso_email" name="email" type="email" autocomplete="email" required>
<button class="quiet" type="submit">Continue</button>
</form>
</details>`,
  });

export type SecondFactorForm = Omit<SignInForm, 'email'> & { mfaToken: string };

/** The second step of somebody who has a second factor. */
export const renderSecondFactor = ({ next, formToken, mfaToken, problem = null }: SecondFactorForm): string =>
  renderPage({
    title: 'Second factor',
    content: html`<h1>Second factor</h1>
${alertOf(problem)}
<form class="card" method="post" action="/login/code">
<input type="hidden" name="form_token" value="${formToken}">
<input type="hidden" name="next" value="${next}">
<input type="hidden" name="mfa_token" value="${mfaToken}">
<label for="code">Code of your authenticator app, or a recovery code</label>
<input id="code" name="code" class="code" inputmode="text" autocomplete="one-time-code" required autofocus maxlength="20">
<button type="submit">Sign in</button>
</form>
<p><a href="/login">Begin again</a></p>`,
  });
