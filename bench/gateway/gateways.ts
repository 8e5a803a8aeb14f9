import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { allProcesses, treeMs } from '../measure/proc-stat.ts';
import { until } from '../measure/until.ts';
import { partsOf } from '../product/parts.ts';
import { API_KEY, type RunningAssay, startAssay } from '../product/running-assay.ts';
import { question } from './wire-format.ts';

/** Somewhere that chats can be asked for in OpenAI's format. */
export type Gateway = {
  origin: string;
  path: string;
  headers: Readonly<Record<string, string>>;
  /** CPU time of its process, and of its database, since they began; milliseconds. */
  cpu: { server(): number; database(): number };
};
export type RunningGateway = Gateway & AsyncDisposable;

export const PATH = '/v1/chat/completions';
const JSON_TYPE = { 'content-type': 'application/json' };

/** The mock itself. */
export const direct = (mock: { ready: { url: string }; cpuMs(): number }): Gateway => ({
  origin: new URL(mock.ready.url).origin,
  path: PATH,
  headers: JSON_TYPE,
  cpu: { server: mock.cpuMs, database: () => 0 },
});

/** Portkey's gateway as its package starts it, in production, without its console. It checks no keys and counts nothing. */
export async function startPortkey(mockUrl: string): Promise<RunningGateway> {
  const program = createRequire(import.meta.url).resolve('@portkey-ai/gateway/build/start-server.js');
  const port = await freePort();
  const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', NODE_ENV: 'production' },
    stdio: 'ignore',
  });
  const gateway: Gateway = {
    origin: `http://127.0.0.1:${port}`,
    path: PATH,
    headers: {
      ...JSON_TYPE,
      authorization: 'Bearer of-nobody',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': mockUrl,
    },
    cpu: { server: () => allProcesses().get(child.pid ?? 0)?.ownMs ?? 0, database: () => 0 },
  };
  await untilAnswering(gateway, child);
  return { ...gateway, [Symbol.asyncDispose]: () => end(child) };
}

/** All governance on: key, scope, counted rate limit, three nested budgets, metering, audit. Only the limits are out of reach. */
export const GOVERNED = {
  ASSAY_ROLE: 'api,worker',
  ASSAY_RATE_LIMITS: 'on',
  ASSAY_RATE_GATEWAY: '10000000',
  ASSAY_OUTBOUND_NETWORKS: 'loopback',
};
const BUDGETS = [
  { name: 'All of it', scope: { kind: 'organization' }, period: 'total' },
  { name: 'A month of it', scope: { kind: 'organization' }, period: 'month' },
  { name: 'The key, by day', scope: { kind: 'key' }, period: 'day' },
];
const OUT_OF_REACH = 1_000_000_000_000;
const RATES = { input: 150_000, output: 600_000 };
export const MODELS = ['wait-0ms', 'wait-20ms', 'pace-50ms', 'flood'] as const;

export type RunningProduct = RunningGateway & { assay: RunningAssay; orgId: string };

/** The product in processes of its own, with its own PostgreSQL, and the mock as one of its providers. */
export async function startProduct(
  mockUrl: string,
  dataDir: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<RunningProduct> {
  const assay = await startAssay({ dataDir, environment: { ...GOVERNED, ...environment }, withoutRunner: true });
  const orgId = await addMock(assay, mockUrl);
  return {
    assay,
    orgId,
    origin: assay.url,
    path: PATH,
    headers: { ...JSON_TYPE, authorization: `Bearer ${API_KEY}` },
    cpu: {
      server: () => allProcesses().get(assay.pid)?.ownMs ?? 0,
      database: () => treeMs(partsOf(assay.pid).postgres),
    },
    [Symbol.asyncDispose]: () => assay[Symbol.asyncDispose](),
  };
}

type Me = { id: string; organization_id: string };

/** Makes the mock a provider with prices, under budgets that apply to every call; gives the organization's id. */
export async function addMock({ caller }: Pick<RunningAssay, 'caller'>, mockUrl: string): Promise<string> {
  const must = async (answer: ReturnType<typeof caller.get>): Promise<Record<string, unknown>> => {
    const { status, body } = await answer;
    if (status >= 300) throw new Error(`The set-up was refused: ${status} ${JSON.stringify(body)}`);
    return body as Record<string, unknown>;
  };
  const me = ((await must(caller.get('/v1/me'))) as { data: { principal: Me } }).data.principal;
  const models = MODELS.map((id) => ({ id }));
  const provider = { name: 'mock', kind: 'openai-compatible', base_url: mockUrl, api_key: 'of-nobody', models };
  await must(caller.post('/v1/providers', provider));
  for (const model of MODELS) {
    const price = { rates: RATES };
    await must(caller.put(`/v1/organizations/${me.organization_id}/prices/mock/${model}`, price));
  }
  for (const { scope, ...budget } of BUDGETS) {
    const whose = scope.kind === 'key' ? { ...scope, id: me.id } : scope;
    await must(caller.post('/v1/budgets', { ...budget, scope: whose, limit_micros: OUT_OF_REACH }));
  }
  return me.organization_id;
}

async function untilAnswering({ origin, path, headers }: Gateway, child: ChildProcess): Promise<void> {
  await until('the gateway answers', async () => {
    if (child.exitCode !== null) throw new Error(`The gateway ended with ${child.exitCode}.`);
    const asked = { method: 'POST', headers, body: JSON.stringify(question('wait-0ms')) };
    const answer = await fetch(origin + path, asked).catch(() => null);
    if (answer === null) return false;
    const text = await answer.text();
    if (answer.status === 200) return true;
    throw new Error(`The gateway answers ${answer.status}: ${text}`);
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('There is no free port.');
  return address.port;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}
