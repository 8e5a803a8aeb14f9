import { html } from './html.ts';
import { alertOf, renderPage } from './layout.ts';

/** One question of an account: what is asked, where the answer goes, and what goes along unseen. */
export type AccountForm = {
  title: string;
  action: string;
  formToken: string;
  token?: string;
  field: 'email' | 'password' | 'none';
  button: string;
  problem?: string | null;
};

/** A form about an account. */
export const renderAccountForm = ({
  title,
  action,
  formToken,
  token = '',
  field,
  button,
  problem,
}: AccountForm): string =>
  renderPage({
    title,
    content: html`<h1>${title}</h1>
${alertOf(problem ?? null)}
<form class="card" method="post" action="${action}">
<input type="hidden" name="form_token" value="${formToken}">
<input type="hidden" name="token" value="${token}">
${fieldOf(field)}
<button type="submit">${button}</button>
</form>
<p><a href="/login">To sign in</a></p>`,
  });

function fieldOf(field: AccountForm['field']) {
  if (field === 'none') return null;
  if (field === 'email') {
    return html`<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="username" required>`;
  }
  return html`<label for="password">New password, at least 12 characters</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="12" required>`;
}

/** Says that it is done. */
export const renderAccountDone = (title: string, text: string): string =>
  renderPage({
    title,
    content: html`<h1>${title}</h1>
<p role="status">${text}</p>
<p><a href="/login">To sign in</a></p>`,
  });
