import type { LoadFigures, LoadGenerator, LoadPlan } from '../load/load-plan.ts';

/** What a load did, and what it cost: CPU time of the serving process and of the database for each request. */
export type CellFigures = LoadFigures & { serverMicros: number; databaseMicros: number };

export type CpuClocks = { server(): number; database(): number };

/** Time before a figure counts: connections open, plans are made, code is compiled. */
const WARM_UP_SECONDS = 1;

/** Loads a server and counts CPU time beside it. CPU time says what a request costs even where others disturb the rate. */
export async function loadCell(generator: LoadGenerator, plan: LoadPlan, cpu: CpuClocks): Promise<CellFigures> {
  await generator.run({ ...plan, seconds: WARM_UP_SECONDS });
  const server = cpu.server();
  const database = cpu.database();
  const figures = await generator.run(plan);
  return {
    ...figures,
    serverMicros: ((cpu.server() - server) * 1e3) / figures.requests,
    databaseMicros: ((cpu.database() - database) * 1e3) / figures.requests,
  };
}
