import { randomInt } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { processesMarked } from './harness/processes.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';

/* Nodes of workflows that run in sandboxes, with a real runner. */
const server = await Server.start({ env: { ASSAY_RATE_LIMITS: 'off', ASSAY_GRPC_PORT: 'off' } });
afterAll(() => server[Symbol.asyncDispose]());
const client = server.as();

type Failure = { code: string; message: string };
type Run = { id: string; state: string; context: Record<string, unknown>; error: (Failure & { node: string }) | null };
type RunNode = { key: string; state: string; attempt: number; evaluation_id: string | null; error: Failure | null };

function dataOf<Data>(answer: Answer, status = 200): Data {
  expect(answer.status, answer.text).toBe(status);
  return (answer.body as { data: Data }).data;
}

const fieldsOf = ({ body }: Answer): string[] =>
  (body as { error: { details: { fields: { field: string }[] } } }).error.details.fields.map(({ field }) => field);

let made = 0;

/** Starts a run of these nodes. */
async function start(nodes: object[], input: object = {}): Promise<string> {
  made += 1;
  const name = `sandboxed-${made}`;
  dataOf(await client.post('/v1/workflow-definitions', { name, nodes }), 201);
  const answer = await client.post('/v1/workflow-runs', { name, input, start: true });
  return dataOf<{ workflow_run: Run }>(answer, 201).workflow_run.id;
}

const ended = (id: string): Promise<Run> =>
  until('the run ends', async () => {
    const { workflow_run: run } = dataOf<{ workflow_run: Run }>(await client.get(`/v1/workflow-runs/${id}`));
    return ['completed', 'failed', 'cancelled'].includes(run.state) ? run : null;
  });

async function nodeOf(id: string, key: string): Promise<RunNode> {
  const { nodes } = dataOf<{ nodes: RunNode[] }>(await client.get(`/v1/workflow-runs/${id}/nodes`));
  return nodes.find((node) => node.key === key) ?? expect.unreachable(`The run has no node ${key}.`);
}

const code = (key: string, config: object, more: object = {}) => ({
  key,
  runtime: 'code',
  operation: 'evaluate',
  config: { language: 'python', ...config },
  ...more,
});

describe('a code node', () => {
  test('runs its program with what the context holds, and gives what it printed, read as JSON', async () => {
    const program = `import json, os, sys
print(json.dumps({'stdin': json.load(sys.stdin), 'args': sys.argv[1:], 'env': os.environ['NAME'], 'file': open('in/a.txt').read()}))
open('made.txt', 'w').write('made')`;
    const inputs = {
      stdin: '$context.input.order',
      args: ['--flag', 7, true],
      env: { NAME: 'value' },
      files: { 'in/a.txt': 'text', 'b.bin': { base64: 'AAE=' } },
    };
    const id = await start([code('program', { code: program, stdout: 'json', outputs: ['*.txt'] }, { inputs })], {
      order: { lines: [1, 2] },
    });
    const { state, context } = await ended(id);
    expect(state).toBe('completed');
    const { evaluation_id } = await nodeOf(id, 'program');
    expect(context['program']).toMatchObject({
      stdout: { stdin: { lines: [1, 2] }, args: ['--flag', '7', 'true'], env: 'value', file: 'text' },
      exit_code: 0,
      evaluation_id,
      files: [{ path: 'made.txt', size: 4 }],
    });
    const kept = await client.get(`/api/eval/${evaluation_id}`);
    expect(kept.body).toMatchObject({ status: 'completed', workflow_run_id: id, workflow_node: 'program' });
    expect(kept.body).toMatchObject({ receipt: { engine: expect.any(String) } });
  });

  test('takes its program from the context where the definition has none', async () => {
    const generated = code('run', {}, { inputs: { code: '$context.input.program' } });
    const id = await start([generated], { program: 'print(6 * 7)' });
    expect(await ended(id)).toMatchObject({ state: 'completed', context: { run: { stdout: '42\n' } } });
    const none = await start([generated], { program: '  ' });
    expect(await ended(none)).toMatchObject({
      state: 'failed',
      error: { node: 'run', code: 'workflow_node.bad_input' },
    });
  });

  test('whose program fails is tried again as its policy says, each time by an evaluation of its own', async () => {
    const program = 'import sys; print("broken pipe", file=sys.stderr); sys.exit(3)';
    const policy = { retries: 1, backoff: { kind: 'fixed', first_ms: 1 } };
    const id = await start([code('fails', { code: program }, { policy })]);
    const { error } = await ended(id);
    expect(error).toMatchObject({ node: 'fails', code: 'evaluation.nonzero_exit' });
    expect(error?.message).toMatch(/exit code 3\.\nbroken pipe$/);
    const node = await nodeOf(id, 'fails');
    expect(node).toMatchObject({ state: 'failed', attempt: 2 });
    const { evaluations } = (await client.get('/api/evaluations?limit=100')).body as {
      evaluations: { code_preview: string }[];
    };
    expect(evaluations.filter(({ code_preview }) => code_preview === program)).toHaveLength(2);
  });

  test('fails in words where what it prints is not the JSON that was asked for', async () => {
    const id = await start([code('prose', { code: 'print("prose")', stdout: 'json' })]);
    expect(await ended(id)).toMatchObject({ state: 'failed', error: { code: 'workflow_node.no_json' } });
    const flood = code('flood', { code: 'print("x" * (2 << 20))', stdout: 'json' });
    expect(await ended(await start([flood]))).toMatchObject({ error: { code: 'workflow_node.output_too_large' } });
  });

  test('is ended with its run: the evaluation, and every process of it', async () => {
    const mark = `86400.${randomInt(1e9)}`;
    const id = await start([code('sleeps', { code: `import subprocess; subprocess.run(['sleep', '${mark}'])` })]);
    await until('the program runs', () => processesMarked(mark).length > 0, 30_000);
    expect(await nodeOf(id, 'sleeps')).toMatchObject({ state: 'waiting' });
    dataOf(await client.post(`/v1/workflow-runs/${id}/cancel`));
    await until('no process is left', () => processesMarked(mark).length === 0);
    const { evaluation_id } = await nodeOf(id, 'sleeps');
    await until('the evaluation has ended', async () => {
      const { body } = await client.get(`/api/eval/${evaluation_id}`);
      return (body as { reason: string }).reason === 'workflow_run_ended';
    });
  });

  test.each([
    ['an endless program', 'while True: pass', { timeout: 1 }, 'evaluation.timeout'],
    ['a fork bomb', 'import os\nwhile True: os.fork()', { processes: 20, timeout: 5 }, /^evaluation\./],
    ['a flood of output', 'import sys\nwhile True: sys.stdout.write("x" * 65536)', {}, 'evaluation.output_limit'],
  ])('%s ends it, and nothing else', async (_what, program, config, reason) => {
    const { error } = await ended(await start([code('hostile', { code: program, ...config })]));
    expect(error?.code).toMatch(reason);
  });

  test('that waits longer than its policy allows fails, and its evaluation is cancelled', async () => {
    const id = await start([code('slow', { code: 'import time; time.sleep(60)' }, { policy: { timeout_ms: 1_500 } })]);
    expect(await ended(id)).toMatchObject({ state: 'failed', error: { code: 'workflow_node.too_late' } });
    const { evaluation_id } = await nodeOf(id, 'slow');
    await until('the evaluation has ended', async () => {
      const { body } = await client.get(`/api/eval/${evaluation_id}`);
      return (body as { status: string }).status === 'cancelled';
    });
  });

  test('gives what it printed to the next', async () => {
    const chain = [
      code('first', { code: 'print(1)' }),
      code(
        'second',
        { code: 'import sys; print(int(sys.stdin.read()) + 1)' },
        {
          depends_on: ['first'],
          inputs: { stdin: '$context.first.stdout' },
        },
      ),
    ];
    expect(await ended(await start(chain))).toMatchObject({ context: { second: { stdout: '2\n' } } });
  });

  test('with an input that cannot be given to a program is refused in words', async () => {
    const given = (inputs: object) => start([code('given', { code: 'pass' }, { inputs })]).then(ended);
    for (const inputs of [
      { files: { '../escape': 'x' } },
      { files: { '/etc/passwd': 'x' } },
      { env: { 'A=B': 'x' } },
      { args: [{ nested: true }] },
      { args: 'not a list' },
    ])
      expect(await given(inputs)).toMatchObject({ state: 'failed', error: { code: 'workflow_node.bad_input' } });
    const nul = { name: 'nul', nodes: [code('nul', { code: 'pass\0' })] };
    expect(fieldsOf(await client.post('/v1/workflow-definitions', nul))).toEqual(['nodes.0.config.code']);
  });
});

test('a key that may not run programs cannot run them through a workflow', async () => {
  const body = { name: 'narrow', scopes: ['workflows:read', 'workflows:write'] };
  const { raw_key } = dataOf<{ raw_key: string }>(await client.post('/v1/api-keys', body), 201);
  const narrow = server.as(raw_key);
  dataOf(await narrow.post('/v1/workflow-definitions', { name: 'narrow', nodes: [code('a', { code: 'pass' })] }), 201);
  const answer = await narrow.post('/v1/workflow-runs', { name: 'narrow', start: true });
  const { id } = dataOf<{ workflow_run: Run }>(answer, 201).workflow_run;
  expect(await ended(id)).toMatchObject({ state: 'failed', error: { node: 'a' } });
  expect((await nodeOf(id, 'a')).evaluation_id).toBeNull();
});
