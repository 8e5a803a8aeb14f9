import { MalformedAnswerError } from './assay-error.ts';
import type { SseFrame } from './sse-parser.ts';

/**
 * The data of a frame, which is JSON in every stream of Assay.
 * @throws MalformedAnswerError for other data
 */
export function jsonOf({ event, data }: SseFrame): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new MalformedAnswerError(`The event stream holds a "${event}" whose data is not JSON.`, { cause });
  }
}
