/** Webhooks: what acts pay for them, by the feed and by the trigger that would take its place, and how fast messages go out. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { newId } from '../../packages/server/src/kernel/ids.ts';
import { insertEvent } from '../../packages/server/src/modules/events/index.ts';
import { DataKeys, RootKeys } from '../../packages/server/src/modules/vault/index.ts';
import { addSecret } from '../../packages/server/src/modules/webhooks/endpoints/secrets.ts';
import { insertWebhook } from '../../packages/server/src/modules/webhooks/endpoints/store.ts';
import { Deliverer, FanOut } from '../../packages/server/src/modules/webhooks/index.ts';
import { localKey } from '../../packages/server/src/platform/crypto/key-wrapper.ts';
import { MasterKeys } from '../../packages/server/src/platform/crypto/master-keys.ts';
import type { Tx } from '../../packages/server/src/platform/db/index.ts';
import { AddressRules, HttpClient } from '../../packages/server/src/platform/http-client/index.ts';
import { createLog } from '../../packages/server/src/platform/log.ts';
import { anOrganization, ledgerDatabase } from '../ledger/ledger-database.ts';
import { Report } from '../measure/report.ts';
import { inRounds, mostForeign, type Sample } from '../measure/rounds.ts';
import { latencyOf, median } from '../measure/statistics.ts';
import { type Sustained, sustain } from '../measure/sustained.ts';
import { ratio } from '../measure/table.ts';
import { until } from '../measure/until.ts';
import { scratchDirectory } from '../product/scratch-directory.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '4' } },
});
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
const CALLERS = 16;
const MESSAGES = 2_000;

await using directory = await scratchDirectory();
await using database = await ledgerDatabase(join(directory.path, 'data'));
const report = new Report('webhooks');
const log = createLog({ level: 'warn', format: 'json' });
const statements = <Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> =>
  database.system.statements({ orgId: null }, work);
const transaction = <Result>(work: (tx: Tx) => Promise<Result>): Promise<Result> =>
  database.system.transaction({ orgId: null }, work);

const key = localKey(Buffer.alloc(32, 1));
const masterKeys = await MasterKeys.load([{ read: async () => [key], generate: async () => {} }]);
const dataKeys = new DataKeys({ roots: await RootKeys.load({ masterKeys, transaction, statements }), statements });
await using client = new HttpClient({ rules: new AddressRules(['loopback']) });

/** Arrivals by the subject of the message. */
const arrived = new Map<string, number>();
const receiver = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const { subject } = JSON.parse(text) as { subject: string };
  if (!arrived.has(subject)) arrived.set(subject, performance.now());
  response.writeHead(204).end();
}).listen(0, '127.0.0.1');
await once(receiver, 'listening');
const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;

const { orgId } = await anOrganization(database);
const { orgId: other } = await anOrganization(database);
const aWebhook = (of: string, types: string[]): Promise<void> =>
  transaction(async (tx) => {
    const maker = { kind: 'user' as const, id: newId(), userId: null, scopes: [] };
    const filter = { types, subjects: [] };
    const webhook = { orgId: of, id: newId(), url, description: '', filter, createdBy: '', maker };
    const { id } = await insertWebhook(tx, webhook);
    await addSecret(tx, { orgId: of, webhookId: id, overlapSeconds: 0 }, dataKeys);
  });

const wakes = new Set<() => void>();
const sends = new Set<() => void>();
const onto = (listeners: Set<() => void>) => (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};
const raise = (listeners: Set<() => void>): void => {
  for (const listener of listeners) listener();
};

/** The reader and the sender of one worker. */
function worker(): AsyncDisposable {
  const fanOut = new FanOut({
    statements,
    findPerson: async () => null,
    scopesWithin: () => new Set(),
    shows: () => true,
    queued: () => raise(sends),
    onWake: onto(wakes),
    log,
  });
  const deliverer = new Deliverer({
    statements,
    dataKeys,
    client,
    userAgent: 'bench',
    onQueued: onto(sends),
    disable: async () => {},
    observe: () => {},
    log,
  });
  fanOut.start();
  deliverer.start();
  return {
    async [Symbol.asyncDispose]() {
      await fanOut[Symbol.asyncDispose]();
      await deliverer[Symbol.asyncDispose]();
    },
  };
}

async function act(of: string, subject: string): Promise<void> {
  const event = { type: 'evaluation.completed', subject, data: { status: 'completed', exit_code: 0, runtime_ms: 12 } };
  await database.app.transaction({ orgId: of }, async (tx) => insertEvent(tx, of, event));
  raise(wakes);
}
/** Acts, and what they cost the database, whoever else uses the machine. */
type Acts = Sustained & { databaseMs: number };
const acting = (of: string) => async (): Promise<Acts> => {
  let databaseMs = 0;
  const onWindow = (edge: 'opens' | 'closes'): void => {
    databaseMs = edge === 'opens' ? database.cpuMs() : database.cpuMs() - databaseMs;
  };
  const workload = { callers: CALLERS, warmUpSeconds: 1, seconds, act: () => act(of, newId()), onWindow };
  const sustained = await sustain(workload);
  return { ...sustained, databaseMs };
};

/** The alternative: each insert of an event looks for webhooks and writes their rows, in the act's transaction. */
await database.owner.query('reset role');
await database.owner.query(`
  create table bench_outbox (org_id uuid not null, webhook_id uuid not null, event_id bigint not null, body jsonb not null);
  create function bench_tell() returns trigger language plpgsql security definer as $$
  begin
    insert into bench_outbox select e.org_id, w.id, e.id, e.data from added e join webhooks w on w.org_id = e.org_id and w.is_enabled;
    return null;
  end $$;
  create trigger bench_tell after insert on events referencing new table as added for each statement execute function bench_tell();
  alter table events disable trigger bench_tell`);
const withTrigger = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  await database.owner.query('alter table events enable trigger bench_tell');
  try {
    return await work();
  } finally {
    await database.owner.query('alter table events disable trigger bench_tell');
  }
};
const withWorker = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  await using _running = worker();
  return await work();
};

await aWebhook(other, ['budget.*']);
const samples: Record<string, Sample<Acts>[]> = await inRounds(
  {
    'no webhooks at all': acting(orgId),
    'a worker follows, no webhook here': () => withWorker(acting(orgId)),
    'a worker follows, a webhook of other types': () => withWorker(acting(other)),
    'a trigger, no webhook here': () => withTrigger(acting(orgId)),
    'a trigger, a webhook': () => withTrigger(acting(other)),
  },
  rounds,
);
const rateOf = (name: string): number => median((samples[name] ?? []).map(({ figure }) => figure.perSecond));
const base = rateOf('no webhooks at all');
report.table({
  title: `Acts/s of one event each, ${CALLERS} callers: medians of ${rounds}`,
  columns: ['', 'acts/s', 'p50 ms', 'p99 ms', 'of the first', 'database, CPU µs an act'],
  rows: Object.entries(samples).map(([name, of]) => {
    const { p50, p99 } = latencyOf(of.flatMap(({ figure }) => figure.times));
    const cost = median(of.map(({ figure }) => (figure.databaseMs * 1_000) / figure.acts));
    return [name, rateOf(name), p50, p99, ratio(rateOf(name), base), cost];
  }),
  note: `others used ${mostForeign(samples).toFixed(2)} cores at most`,
});

const { orgId: told } = await anOrganization(database);
await aWebhook(told, []);
await using _running = worker();
const spaced: number[] = [];
for (let index = 0; index < 50; index++) {
  const subject = newId();
  await act(told, subject);
  const committed = performance.now();
  await until('it arrives', async () => arrived.has(subject));
  spaced.push((arrived.get(subject) ?? 0) - committed);
}
const subjects = Array.from({ length: MESSAGES }, newId);
const began = performance.now();
await Promise.all(
  Array.from({ length: CALLERS }, async (_, caller) => {
    for (let index = caller; index < MESSAGES; index += CALLERS) await act(told, subjects[index] ?? '');
  }),
);
await until('all arrive', async () => subjects.every((subject) => arrived.has(subject)));
const last = Math.max(...subjects.map((subject) => arrived.get(subject) ?? 0));
const { p50, p99 } = latencyOf(spaced);
report.table({
  title: 'Messages to one webhook on this machine',
  columns: ['', ''],
  rows: [
    ['from the commit to its arrival, one at a time: p50 ms', p50],
    ['p99 ms', p99],
    [`${MESSAGES} at once: messages/s`, (MESSAGES * 1_000) / (last - began)],
  ],
});
report.keep('samples', samples);
report.save();
receiver.closeAllConnections();
receiver.close();
