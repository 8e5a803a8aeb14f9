import pino from 'pino';
import { type App, compose } from '../src/compose/compose.ts';
import { loadConfig } from '../src/config/config.ts';
import type { TestDatabase } from './database.ts';
import { scratchDirectory } from './scratch-directory.ts';

export type Answer = { status: number; headers: Headers; text: string; body: unknown };
export type Ask = { key?: string; body?: unknown; headers?: Record<string, string> };

/** The whole API as the product composes it, on a test database and a free port, without runners. */
export type ServedApi = AsyncDisposable & {
  app: App;
  ask(line: string, options?: Ask): Promise<Answer>;
};

/** Serves the API; `args` are flags as on the command line. */
export async function servedApi(db: Pick<TestDatabase, 'address'>, args: readonly string[] = []): Promise<ServedApi> {
  const folder = await scratchDirectory();
  const config = loadConfig({
    args: [
      '--role',
      'api',
      '--http-port',
      '0',
      '--grpc-port',
      '0',
      '--data-dir',
      folder.path,
      '--stop-seconds',
      '0',
      ...args,
    ],
    env: {},
    cwd: folder.path,
  });
  const app = await compose(config, { address: db.address, log: pino({ level: 'silent' }) });
  return {
    app,
    async ask(line, { key, body, headers = {} } = {}) {
      const [method = '', path = ''] = line.split(' ');
      const response = await fetch(`${app.url}${path}`, {
        method,
        headers: {
          ...(key === undefined ? {} : { 'x-api-key': key }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      const text = await response.text();
      const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
      return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
    },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
