import type { AppError, ErrorKind } from '../../kernel/errors.ts';
import type { Call } from '../../platform/operation.ts';
import { html } from './html.ts';
import { renderPage } from './layout.ts';

const SHOWN = {
  invalid: [400, 'That cannot be done'],
  unauthenticated: [401, 'Sign in'],
  denied: [403, 'Not allowed'],
  not_found: [404, 'There is nothing here'],
  conflict: [409, 'That clashes with how things stand'],
  precondition: [412, 'That has changed in the meantime'],
  billing: [423, 'Billing is not active'],
  rate_limited: [429, 'Too many tries'],
  over_budget: [402, 'The budget is used up'],
  too_large: [413, 'That is too large'],
  unsupported_media: [415, 'That cannot be read'],
  cancelled: [499, 'Cancelled'],
  deadline: [503, 'That took too long'],
  unavailable: [503, 'Not available right now'],
  unimplemented: [501, 'Not available'],
  internal: [500, 'Something went wrong on our side'],
} as const satisfies Record<ErrorKind, readonly [number, string]>;

/** A refusal as a page. */
export function renderError(error: AppError, call: Call): { status: number; body: string } {
  const [status, title] = SHOWN[error.kind];
  const content = html`<h1>${title}</h1>
<p role="alert">${error.message}</p>
<p><a href="/">To the start</a></p>
<p class="hint">Request ${call.requestId}</p>`;
  return { status, body: renderPage({ title, content }) };
}
