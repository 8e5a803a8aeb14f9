import type { Tx } from '../../platform/db/index.ts';
import { type AnyOperation, operation } from '../../platform/operation.ts';
import { answerChecks, type Check, type CheckResult, type CheckServices, type Verdict } from './checks.ts';
import { explainPermissions, type Permissions } from './permissions.ts';
import { findPersonStanding } from './reads.ts';

export type AccessServices = CheckServices & {
  /** On the rows of one organization. */
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

const READ = { scope: 'authenticated', effect: 'read', rate: 'control', audit: null, transaction: 'none' } as const;

/** Questions about permissions. Each is answered as the Operator would decide it now. */
export function accessOperations(services: AccessServices) {
  const check = operation({
    ...READ,
    name: 'access.decision.check',
    summary: 'Whether somebody may do something to something, and why.',
    async run({ by }, input: Check): Promise<Verdict> {
      const [result] = await answerChecks(services, by, [input], new Date());
      if (!result) throw new Error('A question was left without an answer.');
      if ('error' in result) throw result.error;
      return result.verdict;
    },
  });

  const checkBatch = operation({
    ...READ,
    name: 'access.decision.check_batch',
    summary: 'Many such questions at once; each is answered on its own, in order.',
    run: ({ by }, input: readonly Check[]): Promise<CheckResult[]> => answerChecks(services, by, input, new Date()),
  });

  const listPermissions = operation({
    ...READ,
    name: 'access.permission.list',
    summary: 'What the caller may do here, and what each part of it comes from.',
    async run({ by }): Promise<Permissions> {
      const { orgId, userId } = by;
      const standing =
        orgId === null || userId === null
          ? null
          : await services.statements(orgId, (tx) => findPersonStanding(tx, orgId, userId));
      return explainPermissions(by, standing);
    },
  });

  return { check, checkBatch, listPermissions } satisfies Record<string, AnyOperation>;
}
