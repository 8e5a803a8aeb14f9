import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../../kernel/errors.ts';

/** Bodies up to this are admitted as they come: they are what every route takes. */
const SMALL_BYTES = 2 << 20;
/** Of all that are under way at once, in a process. A body in memory is text and values too: some four times as much. */
const MOST_BYTES = 128 << 20;

/** Bounds the memory that large bodies take together, before they are read. */
export class LargeBodies {
  #underWay = 0;

  /**
   * Admits a body until its answer is complete. One that does not say how long it is counts as the longest.
   * @throws AppError `unavailable` when too much is under way
   */
  admit(request: IncomingMessage, response: ServerResponse, mostBytes: number): void {
    const said = Number(request.headers['content-length'] ?? mostBytes);
    // What is longer than the route takes is refused for that.
    if (said <= SMALL_BYTES || said > mostBytes) return;
    if (this.#underWay + said > MOST_BYTES) {
      throw new AppError(
        'unavailable',
        'body.too_many',
        'Too many large bodies are under way here. Try again shortly.',
        {
          retryAfterMs: 1_000,
        },
      );
    }
    this.#underWay += said;
    response.once('close', () => {
      this.#underWay -= said;
    });
  }
}
