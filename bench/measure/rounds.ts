import { type CoresUsed, isDisturbed, untilQuiet, watchCores } from './quiet.ts';

/** One measurement, with the cores that were in use during it. */
export type Sample<Figure> = { figure: Figure; cores: CoresUsed };

/** What is measured, by name. */
export type Cells<Name extends string, Figure> = Readonly<Record<Name, () => Promise<Figure>>>;

/**
 * Measures every cell once in each round, one after the other, so that a machine that gets slower does so for all.
 * Each waits for quiet first; a cell that others disturbed is measured once more, and the less disturbed one counts.
 * A quick run does neither.
 */
export async function inRounds<Name extends string, Figure>(
  cells: Cells<Name, Figure>,
  rounds: number,
  { isQuick = false } = {},
): Promise<Record<Name, Sample<Figure>[]>> {
  const names = Object.keys(cells) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Sample<Figure>[]>;
  for (let round = 0; round < rounds; round++) {
    // Each round starts one further on: no cell always follows the same one.
    for (let step = 0; step < names.length; step++) {
      const name = names[(round + step) % names.length] as Name;
      const first = await measure(cells[name], isQuick);
      const isEnough = isQuick || !isDisturbed(first.cores);
      samples[name].push(isEnough ? first : less(first, await measure(cells[name], isQuick)));
    }
  }
  return samples;
}

async function measure<Figure>(cell: () => Promise<Figure>, isQuick: boolean): Promise<Sample<Figure>> {
  if (!isQuick) await untilQuiet();
  const used = watchCores();
  const figure = await cell();
  return { figure, cores: used() };
}

const less = <Figure>(a: Sample<Figure>, b: Sample<Figure>): Sample<Figure> =>
  b.cores.foreign < a.cores.foreign ? b : a;

/** The most that others used of the machine during any of the samples, cores. */
export const mostForeign = (samples: Readonly<Record<string, readonly Sample<unknown>[]>>): number =>
  Math.max(0, ...Object.values(samples).flatMap((list) => list.map(({ cores }) => cores.foreign)));
