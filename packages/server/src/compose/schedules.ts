import { newId } from '../kernel/ids.ts';
import { insertLeaf } from '../modules/audit/index.ts';
import { findActor } from '../modules/identity/index.ts';
import type { fireSchedule, SchedulerOptions } from '../modules/workflows/index.ts';
import type { Core } from './core.ts';
import { callOf } from './maker-call.ts';

/** How a worker fires schedules. */
export function schedulerOptions(
  core: Core,
  operations: { fireSchedule: ReturnType<typeof fireSchedule> },
): SchedulerOptions {
  const { systemStatements, systemTransaction, operator, told, log } = core;
  return {
    statements: systemStatements,
    transaction: systemTransaction,
    findActor: (orgId, actor) => systemStatements((tx) => findActor(tx, orgId, actor)),
    async fire(principal, id) {
      const call = callOf(principal, newId(), new AbortController().signal);
      await operator.run(operations.fireSchedule, call, { id });
    },
    paused(tx, { orgId, id }, reason) {
      insertLeaf(tx, {
        orgId,
        action: 'workflow_schedule.paused',
        outcome: 'allowed',
        actor: { kind: 'system', id: 'schedules' },
        credential: 'none',
        via: 'job',
        target: { type: 'workflow_schedule', id },
        requestId: '',
        traceId: null,
        detail: { reason },
        personal: {},
      });
    },
    told,
    log: log.child({ subsystem: 'schedules' }),
  };
}
