import type { IncomingHttpHeaders } from 'node:http';
import { invalidFields } from './surface.ts';

const HEADER = 'X-Assay-Record';

/**
 * Whether a request asks to be recorded, for `replay` to play it later.
 * @throws AppError `invalid` when the header says neither
 */
export function isRecorded(headers: IncomingHttpHeaders): boolean {
  const said = headers[HEADER.toLowerCase()];
  if (said === 'on') return true;
  if (said === undefined || said === 'off') return false;
  throw invalidFields([{ field: HEADER, constraint: 'format', message: `${HEADER} must be on or off` }]);
}
