import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { type NatsServer, natsServer } from '../../../test/nats-server.ts';
import { severedNetwork } from '../../../test/severed-network.ts';
import { testServer } from '../../../test/test-server.ts';
import { until } from '../../../test/until.ts';
import { statement } from '../db/index.ts';
import { NatsBus } from './nats-bus.ts';
import { SILENCE_MS } from './postgres-bus.ts';
import { Wakeups } from './wakeups.ts';

const db = testDatabase();
const server = testServer();
const log = pino({ level: 'silent' });

const open: Wakeups[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((wakeups) => wakeups[Symbol.asyncDispose]()));
});

type Process = { wakeups: Wakeups; heard: string[]; listen(topic: string): () => void };

/** What one process hears, and its signals. */
async function process(relay: NatsBus | null = null): Promise<Process> {
  const wakeups = new Wakeups(db.address, log, relay);
  open.push(wakeups);
  await wakeups.start();
  const heard: string[] = [];
  const listen = (topic: string): (() => void) =>
    wakeups.on(topic, (argument) => void heard.push(argument === '' ? topic : `${topic}=${argument}`));
  return { wakeups, heard, listen };
}

let nats: NatsServer;
beforeAll(async () => {
  nats = await natsServer();
});
afterAll(() => nats?.[Symbol.asyncDispose]());

/** A process whose signals NATS carries, once it does. */
async function processOnNats(): Promise<Process & { relay: NatsBus }> {
  const relay = new NatsBus({ urls: [nats.url], prefix: 'test', log });
  const one = await process(relay);
  await until('NATS is there', () => relay.connected);
  return { ...one, relay };
}

const select = statement('test.wake', 'select 1');

const BUSES = [
  { bus: 'the database', processOn: () => process() },
  { bus: 'NATS', processOn: processOnNats },
];

describe.each(BUSES)('a signal over $bus', ({ processOn: process }) => {
  test('reaches listeners of its process at once, and of others soon', async () => {
    const [here, there] = [await process(), await process()];
    here.listen('queued');
    there.listen('queued');
    here.wakeups.raise('queued');
    expect(here.heard).toEqual(['queued']);
    await until('the other hears', () => there.heard.length > 0);
    expect(there.heard).toEqual(['queued']);
  });

  test('is not heard twice where it was raised', async () => {
    const [here, there] = [await process(), await process()];
    for (const each of [here, there]) for (const topic of ['first', 'last']) each.listen(topic);
    here.wakeups.raise('first');
    await until('it went out', () => there.heard.includes('first'));
    // Notifications arrive in the order of their commits: what comes back of the first comes before this one.
    there.wakeups.raise('last');
    await until('it came back', () => here.heard.includes('last'));
    expect(here.heard).toEqual(['first', 'last']);
  });

  test('raised a thousand times in one go is heard once elsewhere', async () => {
    const [here, there] = [await process(), await process()];
    there.listen('queued');
    there.listen('end');
    for (let round = 0; round < 1_000; round++) here.wakeups.raise('queued');
    here.wakeups.raise('end');
    await until('the end is heard', () => there.heard.includes('end'));
    expect(there.heard).toEqual(['queued', 'end']);
  });

  test('keeps what it is about, also when that holds an equals sign', async () => {
    const [here, there] = [await process(), await process()];
    there.listen('cancelled');
    for (const id of ['a', 'b', 'a', 'c=d']) here.wakeups.raise('cancelled', id);
    await until('all are heard', () => there.heard.length >= 3);
    expect(there.heard).toEqual(['cancelled=a', 'cancelled=b', 'cancelled=c=d']);
  });

  test('of more than a notification can hold is heard as "anything may have changed"', async () => {
    const [here, there] = [await process(), await process()];
    for (const topic of ['cancelled', 'queued', 'unrelated']) there.listen(topic);
    for (let id = 0; id < 2_000; id++) here.wakeups.raise('cancelled', `evaluation-${id}`);
    await until('it is heard', () => there.heard.length >= 3);
    expect(there.heard.sort()).toEqual(['cancelled', 'queued', 'unrelated']);
  });

  test('is not heard by a listener that has left', async () => {
    const here = await process();
    const leave = here.listen('queued');
    leave();
    here.wakeups.raise('queued');
    expect(here.heard).toEqual([]);
  });
});

describe.each(BUSES)('a signal raised with an act, beside $bus', ({ processOn: process }) => {
  test('is heard everywhere when the act is committed, and nowhere before', async () => {
    const [here, there] = [await process(), await process()];
    here.listen('grants');
    there.listen('grants');
    await db.system.transaction({ orgId: null }, async (tx) => {
      here.wakeups.raiseWith(tx, 'grants');
      await tx.query(select, []);
      expect([here.heard, there.heard]).toEqual([[], []]);
    });
    expect(here.heard).toEqual(['grants']);
    await until('the other hears', () => there.heard.length > 0);
    expect(there.heard).toEqual(['grants']);
  });

  test('is heard nowhere when the act is rolled back', async () => {
    const [here, there] = [await process(), await process()];
    for (const each of [here, there]) for (const topic of ['grants', 'end']) each.listen(topic);
    const act = db.system.transaction({ orgId: null }, async (tx) => {
      here.wakeups.raiseWith(tx, 'grants');
      await tx.query(select, []);
      throw new Error('changed my mind');
    });
    await expect(act).rejects.toThrow('changed my mind');
    here.wakeups.raise('end');
    await until('what comes later is heard', () => there.heard.includes('end'));
    expect([here.heard, there.heard]).toEqual([['end'], ['end']]);
  });
});

describe('a connection that was lost', () => {
  const pidOf = async (): Promise<number> => {
    const { rows } = await server.admin.query<{ pid: number }>(
      `select pid from pg_stat_activity where datname = $1 and application_name = 'assay-wakeups' order by backend_start limit 1`,
      [db.name],
    );
    return rows[0]?.pid ?? 0;
  };

  test('is known as such until it is back, and then every topic is heard once, for what was missed', async () => {
    const here = await process();
    const pid = await pidOf();
    here.listen('queued');
    here.listen('grants');
    await server.terminate(pid);
    await until('the loss is noticed', () => !here.wakeups.connected);
    expect(here.heard).toEqual([]);
    await until('it is back', () => here.wakeups.connected);
    expect(here.heard.sort()).toEqual(['grants', 'queued']);
    expect(await pidOf()).not.toBe(pid);
  });

  test('hears the others again', async () => {
    const here = await process();
    await server.terminate(await pidOf());
    await until('the loss is noticed', () => !here.wakeups.connected);
    await until('it is back', () => here.wakeups.connected);
    const there = await process();
    here.listen('queued');
    there.wakeups.raise('queued');
    await until('it is heard', () => here.heard.length > 0);
  });

  test('tells the others what was raised meanwhile: they missed nothing of their own', async () => {
    const here = await process();
    const pid = await pidOf();
    const there = await process();
    there.listen('cancelled');
    await server.terminate(pid);
    await until('the loss is noticed', () => !here.wakeups.connected);
    here.wakeups.raise('cancelled', 'x');
    await until('the others hear', () => there.heard.length > 0);
    expect(there.heard).toEqual(['cancelled=x']);
    expect(there.wakeups.connected).toBe(true);
  });
});

describe('NATS that goes away', () => {
  test('is done without until it is back, and then every topic is heard once, for what was missed', async () => {
    const [here, there] = [await processOnNats(), await processOnNats()];
    there.listen('queued');
    await nats.stop();
    await until('the loss is noticed', () => !here.relay.connected && !there.relay.connected);
    expect(here.wakeups.connected).toBe(true);
    here.wakeups.raise('queued');
    await until('the database carries it', () => there.heard.length > 0);
    await nats.start();
    await until('it is back', () => here.relay.connected && there.relay.connected, 15_000);
    await until('what was missed is asked for', () => there.heard.length === 2);
    here.wakeups.raise('queued');
    await until('it is heard again', () => there.heard.length === 3);
  });

  test('holds up no start, and is used from when it is there', async () => {
    await nats.stop();
    const relay = new NatsBus({ urls: [nats.url], prefix: 'test', log });
    const [here, there] = [await process(), await process(relay)];
    expect(relay.connected).toBe(false);
    there.listen('queued');
    here.wakeups.raise('queued');
    await until('the database carries it', () => there.heard.length > 0);
    await nats.start();
    await until('it is there', () => relay.connected, 15_000);
  });

  test('shares itself between installations by prefix', async () => {
    const other = new NatsBus({ urls: [nats.url], prefix: 'other', log });
    const texts: string[] = [];
    await other.start({ receive: (text) => void texts.push(text), joined() {} });
    await until('it is there', () => other.connected);
    const here = await processOnNats();
    await here.relay.send('not for others');
    await other.send('for others');
    await until('its own arrives', () => texts.length > 0);
    expect(texts).toEqual(['for others']);
    await other[Symbol.asyncDispose]();
  });
});

describe('a network that swallows everything', () => {
  test('is noticed within the stated time, and given up for a new connection', async () => {
    await using network = await severedNetwork(db.address);
    const here = new Wakeups(network.address, log);
    open.push(here);
    await here.start();
    const heard: string[] = [];
    here.on('grants', () => void heard.push('grants'));
    await until('a sign of life has come', () => here.connected);
    network.cut();
    const cutAt = performance.now();
    await until('the silence is noticed', () => !here.connected, SILENCE_MS + 2_000);
    expect(performance.now() - cutAt).toBeLessThan(SILENCE_MS + 500);
    expect(heard).toEqual([]);
    network.mend();
    await until('there is a new connection', () => here.connected, 15_000);
    expect(heard).toEqual(['grants']);
  });
});

describe('the end', () => {
  test('closes the connection, and there is no other after it', async () => {
    const here = await process();
    here.wakeups.raise('queued');
    await here.wakeups[Symbol.asyncDispose]();
    expect(here.wakeups.connected).toBe(false);
    await until('nobody listens', async () => {
      const { rows } = await server.admin.query(
        `select 1 from pg_stat_activity where datname = $1 and application_name = 'assay-wakeups'`,
        [db.name],
      );
      return rows.length === 0;
    });
    here.wakeups.raise('queued');
  });

  test('comes also to one that never got a connection', async () => {
    const lost = new Wakeups({ ...db.address, host: '/nonexistent' }, log);
    await expect(lost.start()).rejects.toThrow();
    expect(lost.connected).toBe(false);
    await lost[Symbol.asyncDispose]();
  });
});
