import { operation } from '../../../platform/operation.ts';
import { type FollowServices, followEvents } from '../runs/follow.ts';
import { requireJob } from './operations.ts';

export const followJob = (services: FollowServices) =>
  operation({
    name: 'jobs.job.follow',
    summary: 'Follow the events of a job: what was, then live, until it has ended.',
    scope: 'jobs:read',
    narrows: true,
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (context, { id, after }: { id: string; after: string | null }) =>
      followEvents(services, context, {
        id,
        after,
        endings: ENDINGS,
        endedAt: async (tx) => (await requireJob({ ...context, tx }, id)).completedAt,
      }),
  });

const ENDINGS: ReadonlySet<string> = new Set(['job.completed', 'job.failed', 'job.cancelled']);
