import { JobServiceCreateRequestSchema, JobStatus } from '@assay/contract/grpc';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { faultsOf } from '../../../test/faults.ts';
import { decodeNewJob, decodeStatus, encodeJob } from './job-codec.ts';

type Request = MessageInitShape<typeof JobServiceCreateRequestSchema>;
const read = (init: Request) => decodeNewJob(create(JobServiceCreateRequestSchema, init));
const PROMPT = { case: 'call' as const, value: { input: { case: 'prompt' as const, value: 'Hi.' } } };

test('what is to be done is read as the JSON API has it', () => {
  const job = read({ work: PROMPT, priority: -3, runAt: { seconds: 1_700_000_000n } });
  expect(job).toMatchObject({ modality: 'text', input: 'Hi.', priority: -3, run_at: '2023-11-14T22:13:20.000Z' });
  expect(read({ work: { case: 'noop', value: { input: 'x' } } })).toMatchObject({ modality: 'noop', input: 'x' });
});

test.each<[string, Request, string[]]>([
  ['no work', {}, ['call']],
  ['a call of nobody for nothing', { work: { case: 'call', value: {} } }, ['call.input']],
  ['too high a priority', { work: PROMPT, priority: 11 }, ['priority']],
  ['a time that no calendar has', { work: PROMPT, runAt: { seconds: 1n << 60n } }, ['run_at']],
])('%s is refused by its field', (_, init, fields) => {
  expect(faultsOf(() => read(init))).toEqual(fields);
});

test('an estimate is told with what is known of it only', () => {
  const estimate = {
    provider: 'house',
    model: 'm',
    input_tokens: { low: 1, high: 2 },
    counted_by: 'approximation',
    output_tokens: { low: 0, high: 9 },
    cost_usd: null,
    price_version: null,
  };
  const at = new Date('2026-03-04T05:06:07Z');
  const shown = encodeJob({
    orgId: 'o',
    id: 'i',
    state: 'pending',
    modality: 'text',
    estimate,
    priority: 0,
    request: { input: 'Hi.' },
    attempts: 0,
    output: undefined,
    error: null,
    createdBy: { kind: 'api_key', id: 'k' },
    createdAt: at,
    dueAt: at,
    startedAt: null,
    completedAt: null,
  });
  expect(shown.costEstimate).toMatchObject({ provider: 'house', inputTokens: { low: 1n, high: 2n } });
  expect(shown.costEstimate?.costUsd).toBeUndefined();
  expect(shown).not.toHaveProperty('startedAt');
  expect(shown).not.toHaveProperty('error');
});

test('a status that there is not is refused', () => {
  expect(decodeStatus(JobStatus.UNSPECIFIED)).toBeNull();
  expect(decodeStatus(JobStatus.FAILED)).toBe('failed');
  expect(faultsOf(() => decodeStatus(77 as JobStatus))).toEqual(['status']);
});
