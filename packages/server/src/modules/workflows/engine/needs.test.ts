import { expect, test } from 'vitest';
import { workflowNode } from '../../../../test/workflow-worker.ts';
import type { JsonObject } from '../model.ts';
import { resumeOf, waitForNeeds } from './needs.ts';

const node = workflowNode('a', {
  runtime: 'code',
  operation: 'evaluate',
  config: { language: 'python' },
  requires: ['tool:jq'],
  policy: { timeoutMs: 10_000 },
});
const START = new Date('2026-01-01T00:00:00Z');
const after = (ms: number): Date => new Date(START.getTime() + ms);
const having = (...capabilities: string[]) => ({ capabilities: new Set(capabilities), now: START });

test('a node begins when all that it names, and what it runs with, is there', () => {
  expect(waitForNeeds(node, null, having('tool:jq', 'language:python'))).toBeNull();
  expect(waitForNeeds(node, null, having('tool:jq'))).toMatchObject({
    kind: 'waiting',
    tells: { needs: ['language:python'] },
    why: { code: 'workflow_node.missing_capability', message: expect.stringContaining('"language:python"') },
  });
});

test('it looks again ever more seldom, tells of it once, and gives up when an attempt may take no longer', () => {
  let resume: JsonObject | null = null;
  const looks: number[] = [];
  for (let ms = 0; ms < 10_000; ) {
    const result = waitForNeeds(node, resume, { capabilities: new Set(), now: after(ms) });
    if (result?.kind !== 'waiting' || result.at === null) return expect.unreachable('it waits');
    expect(result.tells === null).toBe(resume !== null);
    ({ resume } = result);
    ms = result.at.getTime() - START.getTime();
    looks.push(ms);
  }
  expect(looks).toEqual([1_000, 3_000, 7_000, 10_000]);
  expect(() => waitForNeeds(node, resume, { capabilities: new Set(), now: after(10_000) })).toThrow('within 10000 ms');
  expect(resumeOf(resume)).toBeNull();
});

test('an attempt that is under way elsewhere goes on, whoever has left', () => {
  const resume = { evaluation_id: 'eval_1' };
  expect(waitForNeeds(node, resume, having())).toBeNull();
  expect(resumeOf(resume)).toBe(resume);
});
