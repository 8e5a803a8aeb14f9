import { EvaluationSpecSchema, EvaluationState } from '@assay/contract/grpc';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { faultsOf } from '../../../test/faults.ts';
import { decodeSpec, decodeState, encodeOutcome, encodeState } from './evaluation-codec.ts';

const spec = (init: MessageInitShape<typeof EvaluationSpecSchema>) => create(EvaluationSpecSchema, init);

describe('a program', () => {
  test('has the defaults of the contract where nothing is said', () => {
    expect(decodeSpec(spec({ code: 'print(1)' }), 'evaluation')).toMatchObject({
      code: 'print(1)',
      language: 'python',
      engine: 'auto',
      engineStrict: false,
      timeoutSeconds: 30,
      memoryMb: null,
      cpus: null,
      processes: null,
      priority: 0,
      metadata: {},
    });
  });

  test('is read with all that is said', () => {
    const read = decodeSpec(
      spec({
        code: 'x',
        language: 'Node',
        engine: 'Landlock',
        engineStrict: true,
        timeout: 5,
        stdin: 'in',
        args: ['a'],
        env: { NAME: 'value' },
        files: [{ path: 'a.txt', content: Buffer.from([0, 255]) }],
        outputs: ['*.txt'],
        memoryMb: 64,
        cpu: 0.5,
        processes: 3,
        priority: 7,
        metadata: { nested: { list: [1, null, 'x'] } },
      }),
      'evaluation',
    );
    expect(read).toEqual({
      code: 'x',
      language: 'node',
      engine: 'landlock',
      engineStrict: true,
      timeoutSeconds: 5,
      stdin: 'in',
      args: ['a'],
      env: { NAME: 'value' },
      files: [{ path: 'a.txt', content: 'AP8=' }],
      outputs: ['*.txt'],
      memoryMb: 64,
      cpus: 0.5,
      processes: 3,
      priority: 7,
      metadata: { nested: { list: [1, null, 'x'] } },
    });
  });

  test.each([
    ['none', undefined, ['evaluation']],
    ['a blank one', spec({ code: ' ' }), ['evaluation.code']],
    ['a timeout of nothing', spec({ code: 'x', timeout: 0 }), ['evaluation.timeout']],
    ['a core that is no number', spec({ code: 'x', cpu: Number.NaN }), ['evaluation.cpu']],
    ['a path that leads out', spec({ code: 'x', files: [{ path: '../x' }] }), ['evaluation.files.0.path']],
    [
      'two faults at once',
      spec({ code: 'x', priority: -1, memoryMb: 1 }),
      ['evaluation.memory_mb', 'evaluation.priority'],
    ],
    [
      'a key that makes an object another',
      spec({ code: 'x', metadata: JSON.parse('{"a":{"__proto__":{}}}') }),
      ['evaluation.metadata'],
    ],
  ])('%s is refused by the name that its field has in the message', (_, given, fields) => {
    expect(faultsOf(() => decodeSpec(given, 'evaluation')).sort()).toEqual(fields);
  });
});

test('states are the same in both directions', () => {
  const states = ['queued', 'running', 'completed', 'failed', 'timeout', 'cancelled'] as const;
  for (const state of states) expect(decodeState(encodeState(state))).toBe(state);
  expect(decodeState(EvaluationState.UNSPECIFIED)).toBeNull();
  expect(faultsOf(() => decodeState(99 as EvaluationState))).toEqual(['state']);
});

test('a refused program of a batch says why, an accepted one where it stands', () => {
  expect(encodeOutcome({ accepted: false, message: 'No.' })).toEqual({ outcome: { case: 'refused', value: 'No.' } });
});
