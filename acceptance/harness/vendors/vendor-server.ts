import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messages } from './anthropic.ts';
import { generateContent } from './gemini.ts';
import { ollamaChat } from './ollama.ts';
import { chatCompletions, responses } from './openai.ts';
import type { Asked, Frame, Said, Wire } from './wire.ts';

/** The key that the vendors know their customer by. */
export const VENDOR_KEY = 'sk-vendor-canary-0123456789';
const bearer = ['authorization', `Bearer ${VENDOR_KEY}`] as const;

type Route = { path: RegExp; wire: Wire; headers: readonly (readonly [string, string | RegExp])[] };

/** Where each vendor answers, in which words, and how it wants to be asked. */
const ROUTES: { [provider: string]: readonly Route[] } = {
  openai: [
    { path: /^\/v1\/chat\/completions$/, wire: chatCompletions, headers: [bearer] },
    { path: /^\/v1\/responses$/, wire: responses, headers: [bearer] },
  ],
  compatible: [{ path: /^\/v1\/chat\/completions$/, wire: chatCompletions, headers: [bearer] }],
  azure: [
    {
      path: /^\/openai\/deployments\/[\w.-]+\/chat\/completions\?api-version=2024-10-21$/,
      wire: chatCompletions,
      headers: [['api-key', VENDOR_KEY]],
    },
  ],
  anthropic: [
    {
      path: /^\/v1\/messages$/,
      wire: messages,
      headers: [
        ['x-api-key', VENDOR_KEY],
        ['anthropic-version', /^20\d\d-\d\d-\d\d$/],
      ],
    },
  ],
  gemini: [{ path: /^\/v1beta\/models\//, wire: generateContent, headers: [['x-goog-api-key', VENDOR_KEY]] }],
  vertex: [
    {
      path: /^\/v1\/projects\/p\/locations\/l\/publishers\/google\/models\//,
      wire: generateContent,
      headers: [bearer],
    },
    { path: /^\/v1\/projects\/p\/locations\/l\/publishers\/anthropic\/models\//, wire: messages, headers: [bearer] },
  ],
  ollama: [{ path: /^\/api\/chat$/, wire: ollamaChat, headers: [bearer] }],
};

/** How to add each of them to Assay. */
export const PROVIDERS = (url: string) => [
  { name: 'openai', kind: 'openai', base_url: `${url}/openai/v1` },
  { name: 'compatible', kind: 'openai-compatible', base_url: `${url}/compatible/v1` },
  { name: 'azure', kind: 'azure-openai', base_url: `${url}/azure` },
  { name: 'anthropic', kind: 'anthropic', base_url: `${url}/anthropic` },
  { name: 'gemini', kind: 'gemini', base_url: `${url}/gemini` },
  { name: 'vertex', kind: 'vertex', base_url: `${url}/vertex`, config: { project: 'p', location: 'l' } },
  { name: 'ollama', kind: 'ollama', base_url: `${url}/ollama` },
];

/** What becomes of a request: an answer, or the vendor's refusal. */
export type Behaviour = (
  asked: Asked,
) => Said | { status: number; message: string; headers?: { [name: string]: string } };

/** Seven vendors on loopback. They refuse, in their own words, whatever the real ones would not understand. */
export class VendorServer implements AsyncDisposable {
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly asked: Asked[] = [];
  /** What was counted for answers that were given, by provider. */
  readonly counted = new Map<string, { calls: number; input: number; output: number }>();
  behave: Behaviour = () => ({ status: 500, message: 'No test says what to answer.' });
  /** Answers that their client did not wait for. */
  abandoned = 0;

  static async start(): Promise<VendorServer> {
    const vendors = new VendorServer();
    vendors.#server.listen(0, '127.0.0.1');
    await once(vendors.#server, 'listening');
    return vendors;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += chunk;
    response.on('close', () => {
      if (!response.writableFinished) this.abandoned += 1;
    });
    const [, provider = '', path = ''] = /^\/(\w+)(\/.*)$/.exec(request.url ?? '') ?? [];
    const route = ROUTES[provider]?.find(({ path: pattern }) => pattern.test(path));
    if (!route) return send(response, 404, { error: { message: `There is no ${request.method} ${request.url}.` } });
    const { wire, headers } = route;
    const missing = headers.find(([name, value]) => !isLike(String(request.headers[name]), value));
    if (missing) return send(response, 401, wire.error(401, `${missing[0]} is not as it should be.`));
    let asked: Asked;
    try {
      asked = { provider, ...wire.read(JSON.parse(text), path) };
    } catch (fault) {
      return send(response, 400, wire.error(400, (fault as Error).message));
    }
    this.asked.push(asked);
    const outcome = this.behave(asked);
    if ('status' in outcome)
      return send(response, outcome.status, wire.error(outcome.status, outcome.message), outcome.headers);
    this.#count(provider, outcome);
    if (!asked.isStreamed) return send(response, 200, wire.whole(outcome, asked));
    response.writeHead(200, { 'content-type': wire.isLines ? 'application/x-ndjson' : 'text/event-stream' });
    for (const frame of wire.stream(outcome, asked)) response.write(framed(frame, wire));
    response.end();
  }

  #count(provider: string, { counted }: Said): void {
    const before = this.counted.get(provider) ?? { calls: 0, input: 0, output: 0 };
    this.counted.set(provider, {
      calls: before.calls + 1,
      input: before.input + counted.input,
      output: before.output + counted.output,
    });
  }
}

const isLike = (sent: string, wanted: string | RegExp): boolean =>
  typeof wanted === 'string' ? sent === wanted : wanted.test(sent);

function framed({ event, data }: Frame, { isLines }: Wire): string {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return isLines ? `${text}\n` : `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
}

const send = (response: ServerResponse, status: number, body: object, headers: { [name: string]: string } = {}): void =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
