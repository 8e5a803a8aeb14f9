import { createHash, randomInt } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import type { Answer } from './harness/client.ts';
import { processesMarked } from './harness/processes.ts';
import { Server } from './harness/server.ts';
import { until } from './harness/until.ts';
import { ENDLESS, GREEDY, wasmModule } from './harness/wasm-module.ts';

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

const tool = (key: string, operation: string, values: object, more: object = {}) => ({
  key,
  runtime: 'tool',
  operation,
  config: { arguments: values },
  ...more,
});

describe('a tool node', () => {
  test('filters JSON with jq, whose variables are values and nothing else', async () => {
    const id = await start(
      [
        tool(
          'sum',
          'jq',
          { filter: '[.lines[].price * $factor] | add', variables: { factor: 2 } },
          {
            inputs: { stdin: '$context.input' },
            config: {
              arguments: { filter: '[.lines[].price * $factor] | add', variables: { factor: 2 } },
              stdout: 'json',
            },
          },
        ),
        tool('text', 'jq', { filter: '.', raw_output: true }, { inputs: { stdin: '"--version"' } }),
      ],
      { lines: [{ price: 3 }, { price: 4 }] },
    );
    expect(await ended(id)).toMatchObject({
      state: 'completed',
      context: { sum: { stdout: 14 }, text: { stdout: '--version\n' } },
    });
    const { evaluation_id } = await nodeOf(id, 'sum');
    expect((await client.get(`/api/eval/${evaluation_id}`)).body).toMatchObject({ language: 'tool:jq' });
  });

  test('compares and merges files with git, and brings back what a patch changed', async () => {
    const files = { 'a.txt': 'one\ntwo\n', 'b.txt': 'one\n2\n' };
    const id = await start(
      [
        tool('diff', 'git.diff', { from: 'a.txt', to: 'b.txt' }, { inputs: { files } }),
        {
          ...tool(
            'apply',
            'git.apply',
            {},
            {
              depends_on: ['diff'],
              inputs: { stdin: '$context.input.patch', files: { 'a.txt': 'one\ntwo\n' } },
            },
          ),
          config: { outputs: ['a.txt'] },
        },
        tool('hash', 'git.hash_object', {}, { inputs: { arguments: '$context.input.hash', files } }),
      ],
      { hash: { path: 'a.txt' }, patch: '--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n' },
    );
    const { context, error } = await ended(id);
    expect(error).toBeNull();
    expect(context).toMatchObject({
      diff: { exit_code: 1, stdout: expect.stringContaining('-two\n+2\n') },
      apply: { exit_code: 0, files: [{ path: 'a.txt', size: 6 }] },
      hash: { stdout: '814f4a422927b82f5f8a43f8fab6d3839e3983f2\n' },
    });
  });

  test('is refused with what does not fit, and with a program that no runner has', async () => {
    const wrong = {
      name: 'wrong-tools',
      nodes: [
        tool('extra', 'jq', { filter: '.', shell: true }),
        tool('nul', 'jq', { filter: '.\0' }),
        tool('outside', 'git.hash_object', { path: '../secret' }),
        tool('missing', 'git.diff', { from: 'a' }),
        tool('unknown', 'curl', { url: 'http://localhost' }),
      ],
    };
    const unknown = fieldsOf(await client.post('/v1/workflow-definitions', wrong));
    expect(unknown).toContain('nodes.4.operation');
    const known = { ...wrong, nodes: wrong.nodes.slice(0, 4) };
    const fields = fieldsOf(await client.post('/v1/workflow-definitions', known));
    for (const index of [0, 1, 2, 3]) expect(fields.join()).toContain(`nodes.${index}.config.arguments`);
    const absent = { name: 'absent', nodes: [code('cobol', { language: 'cobol', code: 'STOP RUN.' })] };
    expect(fieldsOf(await client.post('/v1/workflow-definitions', absent))).toEqual(['nodes.0.config.language']);
  });

  test('whose arguments come from the context is held to their schema all the same', async () => {
    const given = (values: unknown) =>
      start([tool('given', 'git.hash_object', {}, { inputs: { arguments: '$context.input.values' } })], { values });
    for (const values of [{ path: '--stdin-paths', extra: 1 }, { path: '/etc/passwd' }, 'text', { path: ['a'] }])
      expect(await ended(await given(values))).toMatchObject({ error: { code: 'workflow_node.bad_input' } });
  });

  test('is listed with the schema of its arguments where a runner has its program', async () => {
    const answer = await client.get('/v1/workflow-tools');
    const { workflow_tools: tools } = dataOf<{ workflow_tools: { operation: string; capability: string }[] }>(answer);
    expect(tools.map(({ operation }) => operation)).toEqual(expect.arrayContaining(['jq', 'git.diff']));
    expect(tools[0]).toMatchObject({ capability: 'tool:jq', arguments_schema: { required: ['filter'] } });
    const engines = (await client.get('/api/engines')).body as { engines: { languages: string[] }[] };
    const offered = new Set(engines.engines.flatMap(({ languages }) => languages));
    expect(tools.filter(({ capability }) => !offered.has(capability))).toEqual([]);
  });

  test('is no language of evaluations', async () => {
    const answer = await client.post('/api/eval', { code: '.', language: 'tool:jq' });
    expect(answer.status, answer.text).toBe(400);
    const { languages } = (await client.get('/api/languages')).body as { languages: { language: string }[] };
    expect(languages.filter(({ language }) => language.includes(':'))).toEqual([]);
  });
});

const wasm = (key: string, module: Buffer, config: object = {}, inputs: object = {}) => ({
  key,
  runtime: 'wasm',
  operation: 'run_module',
  config,
  inputs: { module: { base64: module.toString('base64') }, ...inputs },
});

describe('a wasm node', () => {
  test('runs a module from an asset, which must be the one of its SHA-256', async () => {
    const module = wasmModule({ text: 'from a module' });
    const put = await fetch(`${server.url}/v1/assets`, {
      method: 'POST',
      headers: { 'x-api-key': server.credentials.apiKey, 'content-type': 'application/wasm' },
      body: new Uint8Array(module),
    });
    const { data } = (await put.json()) as { data: { asset: { id: string; sha256: string } } };
    const node = (sha256: string) => ({
      key: 'module',
      runtime: 'wasm',
      operation: 'run_module',
      config: { asset_id: data.asset.id, sha256 },
    });
    const digest = createHash('sha256').update(module).digest('hex');
    const { context, error } = await ended(await start([node(digest)]));
    expect(error).toBeNull();
    expect(context['module']).toMatchObject({ stdout: 'from a module', exit_code: 0 });
    const other = await ended(await start([node('0'.repeat(64))]));
    expect(other).toMatchObject({ error: { code: 'workflow_node.bad_input' } });
  });

  test.each([
    ['ends with an exit code', wasmModule({ exitCode: 3 }), {}, 'evaluation.nonzero_exit', /exit code 3/],
    ['wants what it is not given', wasmModule({ imports: 'host' }), {}, 'evaluation.nonzero_exit', /imports env\.host/],
    ['is no module', Buffer.from('print(1)'), {}, 'workflow_node.bad_input', /no WebAssembly module/],
    ['is broken', wasmModule({}).subarray(0, 40), {}, 'evaluation.nonzero_exit', /cannot be run/],
    ['never ends', wasmModule({ instructions: ENDLESS }), { timeout: 1 }, 'evaluation.timeout', /./],
    [
      'takes all memory',
      wasmModule({ instructions: GREEDY }),
      { memory_mb: 256, timeout: 20 },
      'evaluation.memory_limit',
      /./,
    ],
  ])('whose module %s fails in words', async (_what, module, config, failure, message) => {
    const { error } = await ended(await start([wasm('module', module, config)]));
    expect(error).toMatchObject({ code: failure, message: expect.stringMatching(message) });
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
