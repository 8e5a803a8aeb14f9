import { type Cells, inRounds } from '../measure/rounds.ts';
import { median } from '../measure/statistics.ts';

export type Length = { rounds: number; seconds: number };

/** One act, many times: either it answers at once, or it is waited for. */
export type Act = (index: number) => unknown;

/** Looks at the clock only once in so many acts: reading it costs about as much as the quickest of them. */
const STRIDE = 256;

/** Microseconds that one act takes, over about so many seconds; acts that give promises are waited for one by one. */
async function timePerAct(act: Act, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1e3;
  const began = performance.now();
  let acts = 0;
  while (performance.now() < until) {
    for (let step = 0; step < STRIDE; step++) {
      const answer = act(acts);
      if (answer instanceof Promise) await answer;
      acts += 1;
    }
  }
  return ((performance.now() - began) * 1e3) / acts;
}

/** Median microseconds of each act, measured turn by turn. */
export async function timeInTurns<Name extends string>(
  acts: Readonly<Record<Name, Act>>,
  { rounds, seconds }: Length,
): Promise<Record<Name, number>> {
  const names = Object.keys(acts) as Name[];
  // The first rounds of a compiler are its own.
  for (const name of names) await timePerAct(acts[name], Math.min(seconds, 0.5));
  const cells = Object.fromEntries(names.map((name) => [name, () => timePerAct(acts[name], seconds)]));
  const samples = await inRounds(cells as Cells<Name, number>, rounds);
  return Object.fromEntries(names.map((name) => [name, median(samples[name].map(({ figure }) => figure))])) as Record<
    Name,
    number
  >;
}
