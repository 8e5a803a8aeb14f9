import { WorkflowContentSchema, WorkflowRunState } from '@assay/contract/grpc';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { faultsOf } from '../../../test/faults.ts';
import { decodeContent, decodeRunState, encodeDefinition, encodeRunNode } from './workflow-codec.ts';

const content = (init: MessageInitShape<typeof WorkflowContentSchema>) => create(WorkflowContentSchema, init);
const NODE = { key: 'only', runtime: 'native', operation: 'noop' };
const AT = new Date('2026-03-04T05:06:07Z');

describe('what a version says', () => {
  test('comes back as it was read', () => {
    const read = decodeContent(
      content({ name: 'w', nodes: [NODE], inputSchema: { type: 'object' }, timeoutMs: 5_000n }),
    );
    const made = { orgId: 'o', id: 'i', version: 2, createdBy: 'me', createdAt: AT, archivedAt: null };
    const shown = encodeDefinition({ ...made, ...read });
    expect(shown.content).toMatchObject({ name: 'w', inputSchema: { type: 'object' }, timeoutMs: 5_000n });
    expect(shown.content?.nodes?.[0]).toMatchObject({ ...NODE, outputs: { '*': { path: '$context.only' } } });
    expect(shown).not.toHaveProperty('archivedAt');
    expect(decodeContent(content(shown.content ?? {}))).toEqual(read);
  });

  test.each([
    ['nothing', undefined, ['content']],
    ['no node', { name: 'w' }, ['content.nodes']],
    ['an impossible name', { name: 'W', nodes: [NODE] }, ['content.name']],
    ['a time that is over at once', { name: 'w', nodes: [NODE], timeoutMs: 0n }, ['content.timeout_ms']],
    [
      'an operation that nobody knows',
      { name: 'w', nodes: [{ ...NODE, operation: 'x' }] },
      ['content.nodes.0.operation'],
    ],
    [
      'a node that is no JSON of ours',
      { name: 'w', nodes: [NODE, JSON.parse('{"__proto__": 1}')] },
      ['content.nodes.1'],
    ],
  ])('with %s is refused by its field', (_, init, fields) => {
    expect(faultsOf(() => decodeContent(init && content(init)))).toEqual(fields);
  });
});

test('a node that came to nothing shows null, which is not the same as no output', () => {
  const run = { state: 'completed' as const, attempt: 1, evaluationId: null, error: null };
  const node = { ...run, key: 'a', dueAt: null, items: null };
  const shown = encodeRunNode({ ...node, output: null, startedAt: AT, completedAt: null });
  expect(shown.output?.kind?.case).toBe('nullValue');
  expect(shown).not.toHaveProperty('completedAt');
});

test('a state that there is not is refused', () => {
  expect(decodeRunState(WorkflowRunState.UNSPECIFIED)).toBeNull();
  expect(decodeRunState(WorkflowRunState.PAUSED)).toBe('paused');
  expect(faultsOf(() => decodeRunState(77 as WorkflowRunState))).toEqual(['state']);
});
