import { flag, number, object, PATH, pathOf, valued, when } from './arguments.ts';
import type { Tool } from './model.ts';

/* What git does without a repository and without a network: files in, files or text out. */

const PROGRAM = 'tool:git';

const diff: Tool = {
  operation: 'git.diff',
  program: PROGRAM,
  summary: 'Compares two files or directories; `exit_code` is 1 where they differ.',
  schema: object(
    {
      from: PATH,
      to: PATH,
      context_lines: { ...number(0, 10_000, 'Lines around each difference.'), type: 'integer' },
      ignore_whitespace: flag('Leave out differences of white space.'),
      form: { enum: ['patch', 'stat', 'name_status'], default: 'patch', description: 'What is printed.' },
    },
    ['from', 'to'],
  ),
  argv: ({ from, to, context_lines, ignore_whitespace, form }) => [
    'diff',
    ...['--no-index', '--no-color', '--no-ext-diff', '--no-textconv'],
    ...valued('--unified', context_lines),
    ...when(ignore_whitespace, '--ignore-all-space'),
    ...when(form === 'stat', '--stat'),
    ...when(form === 'name_status', '--name-status'),
    '--',
    pathOf(from),
    pathOf(to),
  ],
  accepts: (exitCode) => exitCode === 1,
};

const apply: Tool = {
  operation: 'git.apply',
  program: PROGRAM,
  summary: 'Applies a patch, the input `stdin`, to the files it is given; `outputs` brings back what changed.',
  schema: object(
    {
      reverse: flag('Take the patch back.'),
      check: flag('Only look whether it applies.'),
      strip: { ...number(0, 10, 'Leading parts of paths to leave out; 1 unless given.'), type: 'integer' },
    },
    [],
  ),
  argv: ({ reverse, check, strip }) => [
    'apply',
    ...when(reverse, '--reverse'),
    ...when(check, '--check'),
    ...(strip === undefined ? [] : [`-p${strip}`]),
    '-',
  ],
};

const mergeFile: Tool = {
  operation: 'git.merge_file',
  program: PROGRAM,
  summary: 'Merges two versions of a file that have a third in common; `exit_code` counts the conflicts.',
  schema: object(
    {
      current: PATH,
      base: PATH,
      other: PATH,
      favour: { enum: ['ours', 'theirs', 'union'], description: 'What conflicts come to, instead of marks.' },
    },
    ['current', 'base', 'other'],
  ),
  argv: ({ current, base, other, favour }) => [
    'merge-file',
    '--stdout',
    ...(favour === undefined ? [] : [`--${favour}`]),
    '--',
    ...[current, base, other].map(pathOf),
  ],
  // Above 127 it tells of an error.
  accepts: (exitCode) => exitCode <= 127,
};

const hashObject: Tool = {
  operation: 'git.hash_object',
  program: PROGRAM,
  summary: 'Prints the id that a file has as a git object.',
  schema: object({ path: PATH }, ['path']),
  argv: ({ path }) => ['hash-object', '--no-filters', '--', pathOf(path)],
};

export const git: readonly Tool[] = [diff, apply, mergeFile, hashObject];
