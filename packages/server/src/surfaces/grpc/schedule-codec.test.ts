import { ScheduleContentSchema, ScheduleOverlap } from '@assay/contract/grpc';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { faultsOf } from '../../../test/faults.ts';
import { requestOf } from '../http/workflow-schedules.ts';
import { decodeChange, decodeSchedule, encodeSchedule } from './schedule-codec.ts';

const content = (init: MessageInitShape<typeof ScheduleContentSchema>) => create(ScheduleContentSchema, init);
const LEAST = { name: 'Night', workflowName: 'nightly', cron: '@daily' };
const AT = new Date('2026-03-04T05:06:07Z');

describe('a schedule', () => {
  test('comes back as it was read, with the defaults of the JSON API', () => {
    const read = decodeSchedule(content(LEAST), false);
    expect(read).toMatchObject({ workflow_version: null, time_zone: 'UTC', overlap: 'skip', catch_up: 'latest' });
    const { isPaused: _, ...said } = requestOf(read);
    const made = { orgId: 'o', id: 'i', dueAt: AT, version: 4, createdAt: AT, updatedAt: AT, readAt: AT };
    const schedule = { ...said, ...made, paused: null, actsAs: { kind: 'user', id: 'u', limitedTo: null } };
    const shown = encodeSchedule({ schedule, nextTimes: [AT] });
    expect(shown).toMatchObject({ etag: '"4"', actsAs: { kind: 'user', id: 'u' } });
    expect(shown).not.toHaveProperty('pausedAt');
    expect(decodeSchedule(content(shown.content ?? {}), false)).toEqual(read);
  });

  test('that says nothing is refused by what it lacks', () => {
    const fields = ['content.name', 'content.workflow_name', 'content.cron'];
    expect(faultsOf(() => decodeSchedule(undefined, false))).toEqual(fields);
    expect(faultsOf(() => decodeSchedule(content({ ...LEAST, overlap: 9 as ScheduleOverlap }), false))).toEqual([
      'content.overlap',
    ]);
  });
});

describe('a change', () => {
  test('holds what is said, and nothing else', () => {
    const change = decodeChange(content({ workflowVersion: 0, overlap: ScheduleOverlap.ALLOW, start: false }));
    expect(change).toEqual({ workflow_version: null, overlap: 'allow', start: false });
  });

  test('of nothing is refused', () => {
    expect(faultsOf(() => decodeChange(undefined))).toEqual(['content']);
  });
});
