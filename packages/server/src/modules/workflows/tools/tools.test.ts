import { describe, expect, test } from 'vitest';
import { findTool, TOOLS } from './tools.ts';

const argvOf = (operation: string, values: object): string[] => findTool(operation)?.argv({ ...values }) ?? [];

describe('arguments of tools', () => {
  test.each(['../up', '/etc/passwd', 'a/../../b', 'a//b', '.', '', 'a\0b', 'a\nb', 'a\\b'])(
    'the path %j leads outside of the working directory, and is refused',
    (path) => {
      expect(() => argvOf('git.hash_object', { path })).toThrow(/no path below/);
      expect(() => argvOf('ffmpeg.frame', { input: path, output: 'a.png' })).toThrow(/no path below/);
    },
  );

  test('a path is never an option or a protocol', () => {
    expect(argvOf('git.diff', { from: '--output=x', to: '-' })).toEqual([
      'diff',
      '--no-index',
      '--no-color',
      '--no-ext-diff',
      '--no-textconv',
      '--',
      './--output=x',
      './-',
    ]);
    expect(argvOf('ffmpeg.convert', { input: 'concat:a|b', output: '-y.mp4' })).toEqual([
      '-i',
      'file:./concat:a|b',
      '-y',
      'file:./-y.mp4',
    ]);
  });

  test('a filter of jq is no argument, and its variables are JSON', () => {
    const values = { filter: '--rawfile', variables: { a: '--slurp', b: -1 } };
    expect(argvOf('jq', values)).toEqual(['--compact-output', '--argjson', 'a', '"--slurp"', '--argjson', 'b', '-1']);
    expect(findTool('jq')?.code?.(values)).toBe('--rawfile');
  });

  test('take nothing that they do not know', () => {
    for (const { schema } of TOOLS) expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
  });
});
