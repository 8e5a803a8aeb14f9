import { setTimeout as pause } from 'node:timers/promises';
import fc from 'fast-check';
import { type Cluster, MEMBERS, type Member } from './cluster.ts';

/** Longer than any lease: who wakes has lost all that it had. */
const FROZEN_MS = 13_000;

export type Fault =
  | { kind: 'kill'; who: readonly Member[] }
  | { kind: 'freeze'; who: Exclude<Member, 'api'> }
  | { kind: 'database'; signal: 'SIGKILL' | 'SIGINT' }
  /** A worker is started while the database is down. */
  | { kind: 'early_start'; who: 'worker' };

const each: Fault[] = [
  ...MEMBERS.map((member): Fault => ({ kind: 'kill', who: [member] })),
  { kind: 'freeze', who: 'worker' },
  { kind: 'freeze', who: 'second_runner' },
  { kind: 'freeze', who: 'second_api' },
  { kind: 'database', signal: 'SIGKILL' },
  { kind: 'database', signal: 'SIGINT' },
  { kind: 'early_start', who: 'worker' },
  { kind: 'kill', who: ['worker', 'second_worker'] },
  { kind: 'kill', who: ['runner', 'second_runner'] },
  { kind: 'kill', who: MEMBERS },
];

/** Faults without end, in an order of the seed's, each with how long all is well before it. */
export function* faultsOf(seed: number): Generator<{ fault: Fault; afterMs: number }> {
  const round = fc.record({
    faults: fc.shuffledSubarray(each, { minLength: each.length }),
    pauses: fc.array(fc.integer({ min: 200, max: 2_000 }), { minLength: each.length, maxLength: each.length }),
  });
  for (let turn = 0; ; turn++) {
    const [made] = fc.sample(round, { seed: seed * 1_000 + turn, numRuns: 1 });
    for (const [at, fault] of (made?.faults ?? []).entries()) yield { fault, afterMs: made?.pauses[at] ?? 0 };
  }
}

/** Brings a fault about, and what it took down up again. A member that freezes wakes by itself, and others go on meanwhile. */
export async function inflict(cluster: Cluster, fault: Fault, thaws: Promise<void>[]): Promise<void> {
  switch (fault.kind) {
    case 'kill': {
      const awake = fault.who.filter((member) => !cluster.frozen.has(member));
      await Promise.all(awake.map((member) => cluster.end(member, 'SIGKILL')));
      // The database comes up with the first: what needs it at its start comes after it.
      for (const member of awake) await cluster.start(member);
      await cluster.api.ready();
      return;
    }
    case 'freeze':
      if (cluster.frozen.size === 0) thaws.push(freeze(cluster, fault.who));
      return;
    case 'early_start':
      if (cluster.frozen.has(fault.who)) return;
      await cluster.end(fault.who, 'SIGKILL');
      process.kill(await cluster.postgresPid(), 'SIGKILL');
      await cluster.start(fault.who);
      return;
    case 'database':
      process.kill(await cluster.postgresPid(), fault.signal);
  }
}

async function freeze(cluster: Cluster, member: Member): Promise<void> {
  const pid = cluster.pidOf(member);
  cluster.frozen.add(member);
  process.kill(pid, 'SIGSTOP');
  await pause(FROZEN_MS);
  process.kill(pid, 'SIGCONT');
  cluster.frozen.delete(member);
}
