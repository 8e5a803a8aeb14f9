import { SCOPES } from '../../modules/access/index.ts';
import type { DeviceQuestion, DeviceRequest } from '../../modules/identity/index.ts';
import { html, type Markup } from './html.ts';
import { alertOf, renderPage } from './layout.ts';
import type { SignedInAs } from './person.ts';

/** Asks for the code that a device shows. */
export const renderCodeEntry = (signedIn: SignedInAs, problem: string | null = null): string =>
  renderPage({
    title: 'Sign in a device',
    signedIn,
    content: html`<h1>Sign in a device</h1>
${alertOf(problem)}
<form class="card" method="get" action="/device">
<label for="user_code">Code that the device shows</label>
<input id="user_code" name="user_code" class="code" required autocomplete="off" autocapitalize="characters" spellcheck="false" placeholder="XXXX-XXXX" maxlength="20" aria-describedby="user_code_hint">
<p id="user_code_hint" class="hint">Eight letters, like BCDF-GHJK. Enter it only if you started this yourself.</p>
<button type="submit">Continue</button>
</form>`,
  });

/** Shows who asks, from where and for what, and asks what to do about it. */
export const renderQuestion = (question: DeviceQuestion, signedIn: SignedInAs, problem: string | null = null): string =>
  renderPage({
    title: 'Let this device in?',
    signedIn,
    content: html`<h1>Let this device in?</h1>
${alertOf(problem)}
<p>It would act as <strong>${question.person.email}</strong>. Say yes only if you have just started this yourself, and
the device in front of you shows this very code:</p>
<p class="code" aria-label="Code ${[...question.userCode].join(' ')}">${question.userCode}</p>
${describe(question.request)}
<form class="card" method="post" action="/device">
<input type="hidden" name="form_token" value="${signedIn.formToken}">
<input type="hidden" name="user_code" value="${question.userCode}">
${organizationChoice(question)}
<div class="choices">
<button type="submit" name="decision" value="approve">Let it in</button>
<button type="submit" name="decision" value="deny" class="quiet">Refuse</button>
<button type="submit" name="decision" value="report" class="danger">This was not me</button>
</div>
</form>`,
  });

const OUTCOMES = {
  approve: ['The device is in', 'It takes a few seconds until it notices. You can close this page.'],
  deny: ['The device was refused', 'It gets nothing. You can close this page.'],
  report: [
    'The device was refused',
    'It gets nothing, and the audit log says that you did not ask for it. Somebody may have wanted you to let them in: tell an administrator of your organization, and change your password if you gave it to anybody.',
  ],
} as const;

/** Says what became of it. */
export function renderOutcome(decision: keyof typeof OUTCOMES, signedIn: SignedInAs): string {
  const [title, text] = OUTCOMES[decision];
  return renderPage({ title, signedIn, content: html`<h1>${title}</h1>\n<p role="status">${text}</p>` });
}

/** All but address and times is what the device says of itself, and the page says so. */
const describe = ({
  clientId,
  deviceName,
  software,
  address,
  createdAt,
  expiresAt,
  scopes,
}: DeviceRequest): Markup => html`<dl>
<dt>Calls itself</dt><dd>${clientId}</dd>
<dt>On the device</dt><dd>${deviceName || 'it does not say'}</dd>
<dt>Software</dt><dd>${software || 'it does not say'}</dd>
<dt>Asks from</dt><dd>${address ?? 'unknown'}</dd>
<dt>Asked</dt><dd>${timeOf(createdAt)}</dd>
<dt>Until</dt><dd>${timeOf(expiresAt)}</dd>
<dt>Wants to</dt><dd>${wishes(scopes)}</dd>
</dl>`;

const timeOf = (time: Date): Markup =>
  html`<time datetime="${time.toISOString()}">${time.toISOString().slice(0, 19).replace('T', ' ')} UTC</time>`;

function wishes(scopes: readonly string[] | null): Markup {
  if (scopes === null) return html`do everything that you may do`;
  const items = scopes.map((scope) => html`<li>${sentenceOf(scope)} <code>${scope}</code></li>`);
  return html`<ul>${items}</ul>`;
}

const sentenceOf = (scope: string): string => (SCOPES as Readonly<Record<string, string>>)[scope] ?? '';

function organizationChoice({ memberships }: DeviceQuestion): Markup | null {
  const [only, second] = memberships.map(({ organization }) => organization);
  if (!only) return html`<p>You are in no organization: it can do little more than see who you are.</p>`;
  if (!second) return html`<p>It would work in <strong>${only.name}</strong>.</p>`;
  const options = memberships.map(
    ({ organization: { id, name, slug } }) =>
      html`<label class="choice"><input type="radio" name="organization" value="${id}" required> ${name} <span class="hint">${slug}</span></label>`,
  );
  return html`<fieldset><legend>Organization that it works in</legend>${options}</fieldset>`;
}
