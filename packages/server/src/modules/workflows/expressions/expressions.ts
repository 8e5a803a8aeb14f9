import type { FieldFault } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import { expressionErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';
import type { Program, Question, Reply } from './model.ts';
import { type Ended, ProgramThread } from './program-thread.ts';

export type ExpressionsOptions = {
  /** Longest that a program may take, milliseconds. */
  deadlineMs: number;
  threads: number;
};

type Waiting = Question & { settle(ended: Ended): void };

/** Runs the programs of definitions on threads of their own. One that takes too long loses its thread. */
export class Expressions implements AsyncDisposable {
  readonly #options: ExpressionsOptions;
  readonly #threads: readonly ProgramThread[];
  readonly #waiting: Waiting[] = [];

  constructor(options: ExpressionsOptions) {
    this.#options = options;
    this.#threads = Array.from({ length: options.threads }, () => new ProgramThread());
  }

  /** Why a program cannot be read; null for one that can. */
  async faultOf(program: Program): Promise<string | null> {
    const reply = await this.#ask(program, null);
    return reply.ok ? null : reply.message;
  }

  /** @throws AppError `invalid` when the program fails or takes too long */
  async condition(source: string, variables: JsonObject): Promise<boolean> {
    return (await this.#value({ language: 'cel', source }, variables)) === true;
  }

  /** A key as text; null where there is none. @throws AppError `invalid` when the program fails or takes too long */
  async key(source: string, variables: JsonObject): Promise<string | null> {
    return (await this.#value({ language: 'cel_key', source }, variables)) as string | null;
  }

  /** @throws AppError `invalid` when the program fails or takes too long */
  transformed(source: string, input: JsonObject): Promise<Json> {
    return this.#value({ language: 'jsonata', source }, input);
  }

  /** What of a value does not fit a schema, with `field` below `prefix`. */
  async misfits(schema: JsonObject, value: Json, prefix: string): Promise<FieldFault[]> {
    const reply = await this.#ask({ language: 'json_schema', schema }, { value });
    if (reply.ok) return [];
    if (reply.faults.length === 0) throw expressionErrors.failed(`The schema cannot be used: ${reply.message}`);
    return reply.faults.map(({ path, message }) => ({
      field: [prefix, ...path.split('/').slice(1).map(unescaped)].join('.'),
      constraint: 'schema',
      message,
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread[Symbol.asyncDispose]()));
  }

  async #value(program: Program, variables: JsonObject): Promise<Json> {
    const reply = await this.#ask(program, variables);
    if (!reply.ok) throw expressionErrors.failed(`The ${program.language} expression failed: ${reply.message}`);
    return reply.value;
  }

  async #ask(program: Program, variables: JsonObject | null): Promise<Reply> {
    const { promise, resolve: settle } = Promise.withResolvers<Ended>();
    this.#waiting.push({ program, variables, settle });
    this.#assign();
    const ended = await promise;
    if ('reply' in ended) return ended.reply;
    throw ended.ended === 'too_slow' ? tooSlow(this.#options.deadlineMs) : tooMuch(ended.cause);
  }

  #assign(): void {
    for (const thread of this.#threads) {
      const next = thread.isBusy ? undefined : this.#waiting.shift();
      if (next) void this.#run(thread, next);
    }
  }

  async #run(thread: ProgramThread, { program, variables, settle }: Waiting): Promise<void> {
    settle(await thread.run({ program, variables }, this.#options.deadlineMs));
    this.#assign();
  }
}

const tooSlow = (ms: number): Error => expressionErrors.too_slow(`The expression took longer than ${ms} ms.`);
const tooMuch = (cause: unknown): Error =>
  expressionErrors.too_much('The expression needs more memory than it may have.', { cause });

/** RFC 6901 section 4. */
const unescaped = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~');
