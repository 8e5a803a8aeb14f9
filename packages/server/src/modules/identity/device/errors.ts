import { type AppError, defineErrors } from '../../../kernel/errors.ts';
import type { PollRefusal } from './model.ts';

export const deviceErrors = defineErrors('device', {
  authorization_pending: 'invalid',
  slow_down: 'invalid',
  expired_token: 'invalid',
  access_denied: 'invalid',
  invalid_grant: 'invalid',
  invalid_scope: 'invalid',
  code_unknown: 'not_found',
  person_needed: 'denied',
  organization_needed: 'invalid',
});

const MEANING: Readonly<Record<PollRefusal, string>> = {
  authorization_pending: 'Nobody has decided yet. Ask again after the interval.',
  slow_down: 'Asked too soon. Wait five seconds longer between polls from now on.',
  expired_token: 'Nobody decided in time. Begin again.',
  access_denied: 'The request was denied.',
  invalid_grant: 'The device code is unknown, was used, or belongs to another client. Begin again.',
};

/** What a poll is told that gets no tokens. The code behind `device.` is that of RFC 8628, section 3.5. */
export const pollRefusal = (reason: PollRefusal): AppError => deviceErrors[reason](MEANING[reason]);
