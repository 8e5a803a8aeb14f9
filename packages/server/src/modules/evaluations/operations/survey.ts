import { operation } from '../../../platform/operation.ts';
import type { RunnerOffer } from '../../runners/index.ts';
import type { EvaluationState } from '../model.ts';
import { type PlatformStatus, platformStatus } from '../platform-status.ts';
import * as reads from '../reads.ts';
import { type EvaluationServices, orgOf, ownerOf } from '../services.ts';

const READ = { scope: 'evaluations:read', narrows: true, effect: 'read', rate: 'evaluations', audit: null } as const;

export const countEvaluations = operation({
  ...READ,
  name: 'evaluations.evaluation.count',
  summary: "How many of the organization's evaluations are in each state.",
  run: async (context) => reads.countEvaluations(context.tx, { orgId: orgOf(context), owner: ownerOf(context) }),
});

export const readStatistics = operation({
  ...READ,
  name: 'evaluations.statistics.get',
  summary: 'What ended in the last hours, by engine and language, with run times.',
  run: async (context, { hours }: { hours: number }) =>
    reads.readStatistics(context.tx, { orgId: orgOf(context), owner: ownerOf(context) }, hours),
});

export const listOffers = ({ fleet }: EvaluationServices) =>
  operation({
    ...READ,
    name: 'evaluations.offer.list',
    summary: 'The engines and languages that runners really have, and the engines they refused with the fix.',
    transaction: 'none',
    run: async (): Promise<Pick<RunnerOffer, 'engines' | 'refused' | 'languages'>> => ({
      engines: fleet.engines,
      refused: fleet.refusals,
      languages: fleet.languages,
    }),
  });

export const getPlatformStatus = ({ probes, statements }: EvaluationServices) =>
  operation({
    ...READ,
    name: 'evaluations.platform.get',
    summary: 'Platform health, checked now, with the counts of the caller.',
    scope: 'public',
    transaction: 'none',
    async run({ by }): Promise<PlatformStatus> {
      const orgId = by.scopes.has('evaluations:read') ? by.orgId : null;
      const count = async (): Promise<Map<EvaluationState, number>> =>
        orgId === null ? new Map() : statements(orgId, (tx) => reads.countEvaluations(tx, { orgId, owner: null }));
      return platformStatus(probes, count);
    },
  });
