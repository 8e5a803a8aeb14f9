import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach } from 'vitest';

/** A request as a provider got it. */
export type Received = {
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
  text: string;
};

type Respond = (received: Received, response: ServerResponse) => void | Promise<void>;

export type FakeProvider = {
  readonly url: string;
  /** What was asked since the test began. */
  readonly received: Received[];
  /** Connections that their client closed before the answer was whole. */
  readonly aborted: number;
  respond: Respond;
};

/** A provider of models on loopback; each test says how it answers. */
export function fakeProvider(): FakeProvider {
  const received: Received[] = [];
  const state = { aborted: 0, url: '' };
  const nobody: Respond = (_received, response) => void response.writeHead(500).end('No test said what to answer.');
  const fake: { respond: Respond } = { respond: nobody };
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString('utf8');
    const asked = { path: request.url ?? '', headers: request.headers, body: JSON.parse(text || '{}'), text };
    received.push(asked);
    response.on('close', () => {
      if (!response.writableFinished) state.aborted += 1;
    });
    await fake.respond(asked, response);
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    received.length = 0;
    state.aborted = 0;
    fake.respond = nobody;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.defineProperties(fake as FakeProvider, {
    url: { get: () => state.url },
    received: { value: received },
    aborted: { get: () => state.aborted },
  });
}

export const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void =>
  void response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

export const sse = (events: readonly unknown[]): string =>
  events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('');

/** An answer of OpenAI's, streamed word by word. */
export function openAiStream(words: readonly string[], usage: { prompt: number; completion: number }): unknown[] {
  const head = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-test' };
  const chunk = (delta: object, finish: string | null = null) => ({
    ...head,
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  return [
    ...words.map((content) => chunk({ content })),
    chunk({}, 'stop'),
    { ...head, choices: [], usage: { prompt_tokens: usage.prompt, completion_tokens: usage.completion } },
    '[DONE]',
  ];
}

export const openAiAnswer = (content: string, usage: { prompt: number; completion: number }) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-test',
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: { prompt_tokens: usage.prompt, completion_tokens: usage.completion },
});

export const anthropicAnswer = (content: string, usage: { input: number; output: number }) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'claude-test',
  content: [{ type: 'text', text: content }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: usage.input, output_tokens: usage.output },
});
