import type { budgetOperations, priceOperations, usageOperations } from '../../modules/metering/index.ts';
import type { HttpKit } from '../http/kit.ts';
import type { Surface } from '../http/surface.ts';
import { serveBudgets } from './budgets.ts';
import { servePrices } from './prices.ts';
import { serveUsage } from './usage.ts';

export type MeteringOperations = ReturnType<typeof budgetOperations> &
  ReturnType<typeof priceOperations> &
  ReturnType<typeof usageOperations>;

/** What things cost, what may be spent and what was. */
export function serveMetering(surface: Surface, kit: HttpKit, of: MeteringOperations): void {
  serveBudgets(surface, kit, of);
  serveUsage(surface, kit, of);
  servePrices(surface, kit, of);
}
