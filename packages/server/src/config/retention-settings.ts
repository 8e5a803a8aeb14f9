import { setting } from './setting.ts';
import { integer } from './setting-readers.ts';

/** For how long what piles up is kept. */
export const RETENTION = {
  evaluationRetentionDays: setting({
    flag: 'evaluation-retention-days',
    toml: 'evaluations.retention_days',
    env: 'ASSAY_EVALUATION_RETENTION_DAYS',
    fallback: '90',
    help: 'Days that an evaluation is kept after its end.',
    read: integer(1, 36_500),
  }),
  eventRetentionDays: setting({
    flag: 'event-retention-days',
    toml: 'events.retention_days',
    env: 'ASSAY_EVENT_RETENTION_DAYS',
    fallback: '30',
    help: 'Days that events can be replayed; they go by whole weeks.',
    read: integer(1, 36_500),
  }),
  webhookRetentionDays: setting({
    flag: 'webhook-retention-days',
    toml: 'webhooks.retention_days',
    env: 'ASSAY_WEBHOOK_RETENTION_DAYS',
    fallback: '30',
    help: 'Days that the log of deliveries to webhooks is kept.',
    read: integer(7, 36_500),
  }),
  workflowRetentionDays: setting({
    flag: 'workflow-retention-days',
    toml: 'workflows.retention_days',
    env: 'ASSAY_WORKFLOW_RETENTION_DAYS',
    fallback: '90',
    help: 'Days that a workflow run is kept after its end.',
    read: integer(1, 36_500),
  }),
  usageRetentionDays: setting({
    flag: 'usage-retention-days',
    toml: 'usage.retention_days',
    env: 'ASSAY_USAGE_RETENTION_DAYS',
    fallback: '400',
    help: 'Days that single usage records are kept, by whole months; sums by the hour are kept on.',
    read: integer(90, 36_500),
  }),
} as const;
