import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** What goes wrong with one answer; `none` is an answer as it should be. */
export const FAULTS = [
  'none',
  'unauthorized',
  'limited',
  'limited_for_a_moment',
  'broken',
  'malformed',
  'truncated',
  'reset',
  'silent',
  'endless',
  'uncounted',
  'overcounted',
  'undercounted',
] as const;
export type Fault = (typeof FAULTS)[number];

/** How a call is answered: by each try in turn, the last one from then on. */
export type Script = {
  tries: readonly Fault[];
  pieces: number;
  paceMs: number;
  /** What the provider counts of what went in. */
  input: number;
};

/** What the provider did for a call. */
export type Served = {
  asked: number;
  /** Pieces of the try that sent most. */
  sent: number;
  /** What it counted, once it told; null where it never did. */
  counted: { input: number; output: number } | null;
};

/** One token in any vocabulary, four bytes. */
export const PIECE = ' the';
/** How much more than the truth a provider says that cannot count. */
const EXAGGERATION = 1_000;

type Form = 'openai' | 'responses' | 'anthropic';
type Answering = { script: Script; served: Served; fault: Fault; form: Form; response: ServerResponse; sends(): void };

/**
 * A provider of models on loopback that fails as its script says, in the wire formats of OpenAI (`/openai/v1`, both of them) and
 * Anthropic (`/anthropic`). A call says which one it is by `call <name>.` in its text.
 */
export class FaultyProvider implements AsyncDisposable {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #scripts = new Map<string, Script>();
  readonly #served = new Map<string, Served>();
  #open = 0;
  #gathering: { wanted: number; met: PromiseWithResolvers<void> } | null = null;
  /** Pieces sent, to everybody. */
  pieces = 0;
  /** Answers that were under way at the same time. */
  mostAtOnce = 0;

  static async start(): Promise<FaultyProvider> {
    const provider = new FaultyProvider();
    provider.#server.listen(0, '127.0.0.1');
    await once(provider.#server, 'listening');
    return provider;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Answers that are under way. */
  get open(): number {
    return this.#open;
  }

  /** Holds every answer before its first piece until so many are under way, or for as long as it says. */
  async gather(wanted: number, withinMs: number): Promise<void> {
    const met = Promise.withResolvers<void>();
    this.#gathering = { wanted, met };
    await Promise.race([met.promise, pause(withinMs)]);
    met.resolve();
  }

  expect(call: string, script: Script): void {
    this.#scripts.set(call, script);
    this.#served.set(call, { asked: 0, sent: 0, counted: null });
  }

  served(call: string): Served {
    const served = this.#served.get(call);
    if (!served) throw new Error(`Nobody was told of the call ${call}.`);
    return served;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#open);
    response.on('close', () => {
      this.#open -= 1;
    });
    let text = '';
    try {
      for await (const chunk of request) text += chunk;
    } catch {
      return;
    }
    const name = /call ([\w-]+)\./.exec(text)?.[1] ?? '';
    const script = this.#scripts.get(name);
    if (!script) return void response.writeHead(400).end(`There is no call "${name}".`);
    const served = this.served(name);
    const fault = script.tries[Math.min(served.asked, script.tries.length - 1)] ?? 'none';
    served.asked += 1;
    const form = formOf(request.url ?? '');
    const sends = (): void => {
      this.pieces += 1;
    };
    const answering = { script, served, fault, form, response, sends } as const;
    if (refuses(answering)) return;
    if (this.#gathering && this.#open >= this.#gathering.wanted) this.#gathering.met.resolve();
    await this.#gathering?.met.promise;
    await ((JSON.parse(text) as { stream?: boolean }).stream ? stream(answering) : whole(answering));
  }
}

const formOf = (path: string): Form =>
  path.endsWith('/responses') ? 'responses' : path.startsWith('/openai/') ? 'openai' : 'anthropic';

/** Answers that are over before a word was said. */
function refuses({ fault, response }: Answering): boolean {
  const refuse = (status: number, message: string, headers: Record<string, string> = {}): true => {
    response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify({ type: 'error', error: { type: 'test_error', message } }));
    return true;
  };
  switch (fault) {
    case 'unauthorized':
      return refuse(401, 'Who is this?');
    case 'limited':
      return refuse(429, 'Too many.');
    case 'limited_for_a_moment':
      return refuse(429, 'Too many, for a moment.', { 'retry-after-ms': '20' });
    case 'broken':
      return refuse(500, 'Out of order.');
    case 'malformed':
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices": [');
      return true;
    case 'silent':
      return true;
    default:
      return false;
  }
}

/** What is told of the count in the end; nothing by a provider that does not count. */
function counted({ fault, script, served }: Answering): Count {
  if (fault === 'uncounted') return null;
  const factor = fault === 'overcounted' ? EXAGGERATION : 1;
  const output = fault === 'undercounted' ? 1 : script.pieces * factor;
  served.counted = { input: script.input, output };
  return served.counted;
}

type Count = { input: number; output: number } | null;

const CHUNK = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
const MESSAGE = { id: 'm', type: 'message', role: 'assistant', model: 'm' };
const RESPONSE = { id: 'resp_m', object: 'response', created_at: 1, model: 'm', error: null };

const openAiUsage = (count: Count): object | undefined =>
  count ? { prompt_tokens: count.input, completion_tokens: count.output } : undefined;
const usage = (count: Count): object | undefined =>
  count ? { input_tokens: count.input, output_tokens: count.output } : undefined;
const response = (content: string, count: Count): object => ({
  ...RESPONSE,
  status: 'completed',
  output: [
    {
      id: 'msg_m',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: content, annotations: [] }],
    },
  ],
  usage: usage(count),
});

/** Whole answers, and the events of a stream before, of and after its pieces. */
const FORMS: {
  [form in Form]: {
    whole(content: string, count: Count): object;
    head(input: number | null): object[];
    piece: object;
    tail(content: string, count: Count): (object | string)[];
  };
} = {
  openai: {
    whole: (content, count) => ({
      ...CHUNK,
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: openAiUsage(count),
    }),
    head: () => [],
    piece: { ...CHUNK, choices: [{ index: 0, delta: { content: PIECE }, finish_reason: null }] },
    tail: (_content, count) => [
      { ...CHUNK, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
      ...(count ? [{ ...CHUNK, choices: [], usage: openAiUsage(count) }] : []),
      '[DONE]',
    ],
  },
  responses: {
    whole: response,
    head: () => [{ type: 'response.created', response: { ...RESPONSE, status: 'in_progress', output: [] } }],
    piece: { type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: PIECE },
    tail: (content, count) => [{ type: 'response.completed', response: response(content, count) }],
  },
  anthropic: {
    whole: (content, count) => ({
      ...MESSAGE,
      content: [{ type: 'text', text: content }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: usage(count),
    }),
    head: (input) => [
      {
        type: 'message_start',
        message: { ...MESSAGE, content: [], usage: input === null ? undefined : usage({ input, output: 1 }) },
      },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ],
    piece: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: PIECE } },
    tail: (_content, count) => [
      { type: 'content_block_stop', index: 0 },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        ...(count ? { usage: { output_tokens: count.output } } : {}),
      },
      { type: 'message_stop' },
    ],
  },
};

async function whole(of: Answering): Promise<void> {
  const { script, served, fault, form, response } = of;
  await pause(script.paceMs);
  if (fault === 'reset') return void response.destroy();
  if (fault === 'truncated') {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 10_000 });
    response.write('{"id": "x", ');
    return void response.destroy();
  }
  served.sent = script.pieces;
  const body = FORMS[form].whole(PIECE.repeat(script.pieces), counted(of));
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function stream(of: Answering): Promise<void> {
  const { script, served, fault, form, response, sends } = of;
  const { head, piece, tail } = FORMS[form];
  const write = (event: object | string): void => {
    const { type } = event as { type?: string };
    const text = typeof event === 'string' ? event : JSON.stringify(event);
    response.write(`${type === undefined ? '' : `event: ${type}\n`}data: ${text}\n\n`);
  };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of head(fault === 'uncounted' ? null : script.input)) write(event);
  const isCut = fault === 'truncated' || fault === 'reset';
  const most = fault === 'endless' ? Number.POSITIVE_INFINITY : isCut ? Math.ceil(script.pieces / 2) : script.pieces;
  for (let sent = 1; sent <= most && !response.destroyed; sent++) {
    await pause(fault === 'endless' ? 1 : script.paceMs);
    served.sent = Math.max(served.sent, sent);
    sends();
    write(piece);
  }
  if (fault === 'reset') return void response.destroy();
  if (!isCut) for (const event of tail(PIECE.repeat(script.pieces), counted(of))) write(event);
  response.end();
}
