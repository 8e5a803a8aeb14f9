import { latencyOf } from '../measure/statistics.ts';
import { type Cell, ratio, verdict } from '../measure/table.ts';
import { chat } from './caller.ts';
import type { GatewayBench } from './gateway-bench.ts';
import { direct, type Gateway } from './gateways.ts';
import { question } from './wire-format.ts';

/** S2: part of what the peer adds, at the median and at the 99th percentile; and what the first token of a stream waits. */
const BAR = 0.5;
const FIRST_TOKEN_BAR_MS = 2;
const MODEL = 'wait-20ms';
const STREAM = question('wait-20ms', { stream: true, max_tokens: 3 });
const CALLS_A_SECOND = 15;

/** S2: what one caller waits longer than for the upstream alone; one call after the other, the three in turn. */
export async function measureLatency(bench: GatewayBench): Promise<void> {
  const { report, mock, portkey, product, rounds, seconds } = bench;
  report.progress('one caller');
  const gateways: Record<string, Gateway> = { 'mock alone': direct(mock), Portkey: portkey, Assay: product };
  const names = Object.keys(gateways);
  const whole: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  const first: Record<string, number[]> = Object.fromEntries(names.map((name) => [name, []]));
  const calls = rounds * seconds * CALLS_A_SECOND;
  for (let call = 0; call < calls + CALLS_A_SECOND; call++) {
    for (let step = 0; step < names.length; step++) {
      const name = names[(call + step) % names.length] as string;
      const gateway = gateways[name] as Gateway;
      const { allMs } = await chat(gateway, question(MODEL));
      const { firstMs } = await chat(gateway, STREAM);
      // The first ones warm up.
      if (call < CALLS_A_SECOND) continue;
      whole[name]?.push(allMs);
      first[name]?.push(firstMs);
    }
  }
  report.keep('S2', { whole, first });
  const [alone, peer, ours] = names.map((name) => latencyOf(whole[name] ?? [])) as [Latency, Latency, Latency];
  const [aloneFirst, , oursFirst] = names.map((name) => latencyOf(first[name] ?? [])) as [Latency, Latency, Latency];
  const added = { p50: ours.p50 - alone.p50, p99: ours.p99 - alone.p99 };
  const peers = { p50: peer.p50 - alone.p50, p99: peer.p99 - alone.p99 };
  const row = (name: string): Cell[] => {
    const [of, token] = [latencyOf(whole[name] ?? []), latencyOf(first[name] ?? [])];
    return [name, of.p50, of.p99, of.p50 - alone.p50, of.p99 - alone.p99, token.p50, token.p50 - aloneFirst.p50];
  };
  report.table({
    title: `S2: one caller, upstream ${MODEL}: ${calls} calls of each kind, in turn`,
    columns: ['', 'p50 ms', 'p99 ms', 'added p50', 'added p99', 'first token p50', 'added'],
    rows: names.map(row),
    note:
      `added, of what Portkey adds: p50 ${ratio(added.p50, peers.p50)} ${verdict(added.p50 <= BAR * peers.p50)}, ` +
      `p99 ${ratio(added.p99, peers.p99)} ${verdict(added.p99 <= BAR * peers.p99)} (bar: ≤ ${BAR}×); ` +
      `first token ≤ ${FIRST_TOKEN_BAR_MS} ms later: ${verdict(oursFirst.p50 - aloneFirst.p50 <= FIRST_TOKEN_BAR_MS)}`,
  });
}

type Latency = ReturnType<typeof latencyOf>;
