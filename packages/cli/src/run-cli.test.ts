import { EXIT_CODES } from '@assay/contract/exit-codes';
import { expect, test } from 'vitest';
import { assay } from '../test/assay.ts';
import { HEALTHY, LINES } from '../test/samples.ts';
import { WireServer } from '../test/wire-server.ts';
import { CATALOGUE } from './catalogue.ts';

const named = LINES.map((line) => ({ line, name: line.join(' ') }));

test('every command that talks to a server is tried here', () => {
  // What signs in is tried in login.test.ts, the others in tests of their names: they read what is typed, or write more
  // than one document.
  const elsewhere = ['up', 'down', 'login', 'logout', 'profile', 'secrets', 'audit', 'listen', 'events'];
  const commands = CATALOGUE.filter(({ words, load }) => load && !elsewhere.includes(words[0]))
    .map(({ words }) => words.join(' '))
    .filter((command) => !['workflows validate', 'workflows deploy', 'assets put', 'assets get'].includes(command));
  const tried = LINES.map((line) => commands.find((command) => `${line.join(' ')} `.startsWith(`${command} `)));
  expect(commands.filter((command) => !tried.includes(command))).toEqual([]);
});

test.each(named)('$name --json prints one document and nothing else', async ({ line }) => {
  await using server = await WireServer.start(HEALTHY);
  const { exit, stdout, stderr } = await assay([...line, '--json'], server);
  expect(typeof JSON.parse(stdout)).toBe('object');
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
});

test.each(named)(
  '$name prints nothing but text off a terminal: no colours, no cursor, no drawing',
  async ({ line }) => {
    await using server = await WireServer.start(HEALTHY);
    const { exit, stdout } = await assay(line, server);
    expect(exit).toBe(0);
    expect(stdout).not.toBe('');
    expect(stdout).not.toMatch(/[^\P{Cc}\n\t]/u);
  },
);

test.each(
  named.filter(
    ({ line }) =>
      !['api', 'help', 'status'].includes(line[0] ?? '') && !['logs', 'watch', 'graph'].includes(line[1] ?? ''),
  ),
)('$name --quiet prints single words', async ({ line }) => {
  await using server = await WireServer.start(HEALTHY);
  const { exit, stdout, stderr } = await assay([...line, '--quiet'], server);
  expect(stdout).toMatch(/^[\w-]+\n$/);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
});

test.each([
  [401, EXIT_CODES.unauthenticated],
  [403, EXIT_CODES.unauthenticated],
  [404, EXIT_CODES.notFound],
  [409, EXIT_CODES.conflict],
  [412, EXIT_CODES.conflict],
  [422, EXIT_CODES.conflict],
  [423, EXIT_CODES.conflict],
  [402, EXIT_CODES.limited],
  [429, EXIT_CODES.limited],
  [503, EXIT_CODES.unreachable],
  [400, EXIT_CODES.failed],
  [500, EXIT_CODES.failed],
])('status %i ends with %i, says what, and names the request', async (status, expected) => {
  const answer = {
    status,
    headers: { 'x-request-id': 'r-1', 'x-should-retry': 'false', 'retry-after': '3' },
    json: { error: { code: 'some_code', message: 'It was refused.', details: { fields: [] } } },
  };
  await using server = await WireServer.start({ 'GET /v1/me': answer });
  const human = await assay(['whoami'], server);
  expect(human).toMatchObject({ exit: expected, stdout: '' });
  expect(human.stderr).toMatch(/^error: It was refused\.\n/);
  expect(human.stderr).toContain('Request id: r-1');
  const machine = await assay(['whoami', '--json'], server);
  expect(machine).toMatchObject({ exit: expected, stderr: '' });
  expect(JSON.parse(machine.stdout)).toMatchObject({
    error: { code: 'some_code', message: 'It was refused.', status, request_id: 'r-1', details: { fields: [] } },
  });
});

test('a server that is away is said to be, with what to do', async () => {
  const server = await WireServer.start({});
  const { url } = server;
  await server[Symbol.asyncDispose]();
  const { exit, stderr } = await assay(['whoami'], { url });
  expect(exit).toBe(EXIT_CODES.unreachable);
  expect(stderr).toContain(`${url} cannot be reached`);
  expect(stderr).toContain('assay up');
});

test('a limited caller is told when to come back', async () => {
  const headers = { 'retry-after': '120' };
  await using server = await WireServer.start({ 'GET /v1/me': { status: 429, headers, json: {} } });
  expect((await assay(['whoami'], server)).stderr).toContain('Try again in 120 s.');
});

test.each([
  [['frob']],
  [['eval']],
  [['eval', 'frob']],
  [['eval', 'get']],
  [['eval', 'get', 'a', 'b']],
  [['eval', 'list', '--status', 'lost']],
  [['eval', 'list', '--limit', 'many']],
  [['eval', 'run']],
  [['eval', 'run', 'a.py', '-c', 'b']],
  [['eval', 'run', '-c', '1']],
  [['eval', 'run', 'a.xyz']],
  [['eval', 'run', '/nonexistent.py']],
  [['eval', 'run', '-', '--lang', 'python', '--stdin', '-']],
  [['eval', 'run', '-c', '1', '--lang', 'c', '--timeout', '1.5s']],
  [['eval', 'run', '-c', '1', '--lang', 'c', '--mem', '1k']],
  [['eval', 'run', '-c', '1', '--lang', 'c', '--env', 'A']],
  [['eval', 'run', '-c', '1', '--lang', 'c', '--save', 'x']],
  [['keys', 'revoke', 'a']],
  [['keys', 'create', 'a', '--scope', 'b', '--permission-set', 'read_only']],
  [['api', 'GET', 'http://elsewhere/']],
  [['api', 'GET', '//elsewhere/']],
  [['api', 'FROB', '/']],
  [['api', 'POST', '/', '-d', '{']],
  [['help', 'exit-codes', 'more']],
  [['whoami', '--api-key', 'sk_secret']],
])('%j is refused before anything is tried', async (argv) => {
  await using server = await WireServer.start(HEALTHY);
  const human = await assay(argv, server);
  expect(human).toMatchObject({ exit: EXIT_CODES.usage, stdout: '' });
  expect(human.stderr).toMatch(/^error: \S.*[.)]$/m);
  expect(server.received).toEqual([]);
});

test.each([
  [['eval', 'list', '--status', 'lost', '--json'], 'lost'],
  [['eval', 'list', '--json', '--quiet'], '--quiet'],
  [['eval', 'logs', 'a', '--jsonl'], '--follow'],
])('%j is refused in a document', async (argv, what) => {
  const { exit, stdout, stderr } = await assay(argv);
  expect({ exit, stderr }).toEqual({ exit: EXIT_CODES.usage, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'usage', message: expect.stringContaining(what) } });
});

test('a key on the command line is refused without being repeated', async () => {
  const { stderr } = await assay(['whoami', '--api-key=sk_secret']);
  expect(stderr).toContain('ASSAY_API_KEY');
  expect(stderr).not.toContain('sk_secret');
});

test.each([
  [[]],
  [['--help']],
  [['eval', '--help']],
  [['help', 'eval', 'run']],
  [['eval', 'run', '--help']],
  [['--version']],
])('%j explains on standard output and ends well', async (argv) => {
  const { exit, stdout, stderr } = await assay(argv);
  expect(stdout).toMatch(argv.includes('--version') ? /^\d+\.\d+\.\d+\n$/ : /^Usage: assay/);
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' });
});

test('every exit code is explained', async () => {
  const { stdout } = await assay(['help', 'exit-codes', '--json']);
  const { exit_codes } = JSON.parse(stdout) as { exit_codes: { code: number; meaning: string }[] };
  expect(exit_codes.map(({ code }) => code)).toEqual(Object.values(EXIT_CODES));
  expect(exit_codes.filter(({ meaning }) => !meaning)).toEqual([]);
});

test('who ends it gets the code of an interruption', async () => {
  const controller = new AbortController();
  await using server = await WireServer.start({
    'GET /v1/me': () => {
      controller.abort(new Error('Interrupted.'));
      return undefined;
    },
  });
  const { exit, stderr } = await assay(['whoami'], { url: server.url, signal: controller.signal });
  expect({ exit, stderr }).toEqual({ exit: EXIT_CODES.interrupted, stderr: 'error: Interrupted.\n' });
});

test('what is meant for the program that runs is not taken for an option of ours', async () => {
  await using server = await WireServer.start(HEALTHY);
  const { stdout } = await assay(['eval', 'run', '-c', '1', '--lang', 'c', '--arg', '--json'], server);
  expect(stdout).toMatch(/^eval_\w+\n$/);
});
