import type { LoadGenerator } from '../load/load-plan.ts';
import type { Report } from '../measure/report.ts';
import type { ChildProgram } from '../product/child-program.ts';
import type { RunningGateway, RunningProduct } from './gateways.ts';
import type { MockReady } from './mock-upstream.ts';

/** What every part of this bench works with. */
export type GatewayBench = {
  report: Report;
  generator: LoadGenerator;
  mock: ChildProgram<MockReady>;
  portkey: RunningGateway;
  product: RunningProduct;
  rounds: number;
  seconds: number;
  /** Not much is measured, and nothing waits for a quiet machine. */
  isQuick: boolean;
};
