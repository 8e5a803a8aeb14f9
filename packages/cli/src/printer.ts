import type { Environment } from './env.ts';
import { type Failure, failureDocument } from './failure.ts';
import { layOutFields, layOutTable, paint } from './layout.ts';
import type { Sink, Terminal } from './terminal.ts';
import type { View } from './view.ts';
import { visibleText } from './visible-text.ts';

/** `json`: one document; `jsonl`: one a line, as they come; `quiet`: ids only; `human`: for people, and for `cut`. */
export type Format = 'human' | 'json' | 'jsonl' | 'quiet';

/** All output of the command line. Standard output carries the result and nothing else. */
export class Printer {
  format: Format;
  readonly #stdout: Sink;
  readonly #stderr: Sink;
  readonly #colour: boolean | null;

  constructor({ stdout, stderr }: Pick<Terminal, 'stdout' | 'stderr'>, { colour }: Environment, format: Format) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#colour = colour;
    this.format = format;
  }

  /** Prints a result. */
  show({ document, ids = [], human }: View): Promise<void> {
    if (this.format === 'json' || this.format === 'jsonl') return this.#json(document);
    if (this.format === 'quiet') return send(this.#stdout, ids.map((id) => `${id}\n`).join(''));
    const options = { isTerminal: this.#stdout.isTTY === true, colour: this.#hasColour(this.#stdout) };
    switch (human.kind) {
      case 'fields':
        return send(this.#stdout, layOutFields(human.fields, options));
      case 'text':
        return this.program('stdout', human.text);
      case 'table':
        if (human.rows.length === 0) return this.note(human.empty);
        return send(this.#stdout, layOutTable(human.columns, human.rows, options));
    }
  }

  /** Prints one event of a stream, with `--jsonl`. */
  event(document: unknown): Promise<void> {
    return send(this.#stdout, `${JSON.stringify(document)}\n`);
  }

  /** Passes on what a program wrote, untouched but for what would take hold of a terminal. */
  program(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    const sink = stream === 'stdout' ? this.#stdout : this.#stderr;
    return send(sink, sink.isTTY === true ? visibleText(text) : text);
  }

  /** Passes bytes on to standard output. */
  bytes(chunk: Uint8Array): Promise<void> {
    return send(this.#stdout, chunk);
  }

  /** Says something beside the result, to a person. */
  async note(text: string): Promise<void> {
    if (this.format === 'human') await send(this.#stderr, `${text}\n`);
  }

  /** Says why there is no result. */
  async fail(failure: Failure): Promise<void> {
    if (this.format === 'json' || this.format === 'jsonl') return this.#json(failureDocument(failure));
    const label = paint('error:', 'red', this.#hasColour(this.#stderr));
    const parts = [`${label} ${failure.message}`];
    if (failure.hint !== null) parts.push(failure.hint);
    if (failure.requestId !== null) parts.push(`Request id: ${failure.requestId}`);
    await this.program('stderr', `${parts.join('\n')}\n`);
  }

  /** Whether a person sits in front of it. */
  get isInteractive(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** Whether a person sees the result appear. */
  get isTerminal(): boolean {
    return this.#stdout.isTTY === true;
  }

  /** Where progress can be drawn; null when nobody would see it move. */
  get animated(): Sink | null {
    return this.format === 'human' && this.#stderr.isTTY === true ? this.#stderr : null;
  }

  #json(document: unknown): Promise<void> {
    const indent = this.format === 'json' && this.#stdout.isTTY === true ? 2 : undefined;
    return send(this.#stdout, `${JSON.stringify(document, null, indent)}\n`);
  }

  #hasColour(sink: Sink): boolean {
    return this.#colour ?? sink.isTTY === true;
  }
}

/** Waits for a reader that is slow, so that nothing piles up and nothing is cut off at the end. */
function send(sink: Sink, chunk: string | Uint8Array): Promise<void> {
  if (chunk.length === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    sink.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}
