import { MalformedAnswerError } from './assay-error.ts';

/** One server-sent event. `id` is the last id seen on the stream: what to resume after. */
export type SseFrame = { id: string; event: string; data: string };

/** A frame longer than this is not ours; holding it would only fill the memory. In characters. */
const MAX_FRAME = 64 * 1024 * 1024;

/**
 * Parses a stream of server-sent events (WHATWG HTML, section 9.2) from text in pieces of any size. A frame that the
 * end of the stream cuts off is never given, so its id is never taken for seen.
 */
export class SseParser {
  /** Id to resume after: that of the last frame which was complete, also one without data. */
  lastId: string;
  /** How long the server asks to wait before connecting again, milliseconds. */
  retryMs: number | null = null;
  #rest = '';
  #endedInCr = false;
  #id: string;
  #event = '';
  #data: string[] = [];
  #held = 0;

  /** @param lastId where a resumed stream goes on from */
  constructor(lastId = '') {
    this.lastId = lastId;
    this.#id = lastId;
  }

  /** @throws MalformedAnswerError for a frame of absurd length */
  push(text: string): SseFrame[] {
    if (text === '') return [];
    // The line already ended at the carriage return; this is the second half of its ending.
    const lines = (this.#endedInCr && text.startsWith('\n') ? text.slice(1) : text).split(/\r\n|\r|\n/);
    this.#endedInCr = text.endsWith('\r');
    lines[0] = this.#rest + (lines[0] ?? '');
    this.#rest = lines.pop() ?? '';
    const frames: SseFrame[] = [];
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else this.#dispatch(frames);
    }
    if (this.#held + this.#rest.length > MAX_FRAME) {
      throw new MalformedAnswerError(
        'The event stream holds a frame of more than 64 MiB. This is not a stream of Assay.',
      );
    }
    return frames;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (name === 'data') {
      this.#data.push(value);
      this.#held += value.length;
    } else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }

  #dispatch(frames: SseFrame[]): void {
    this.lastId = this.#id;
    if (this.#data.length > 0) {
      frames.push({ id: this.#id, event: this.#event || 'message', data: this.#data.join('\n') });
    }
    this.#event = '';
    this.#data = [];
    this.#held = 0;
  }
}
