import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { definition, HEALTHY, workflowRun } from '../../test/samples.ts';
import { events, WireServer } from '../../test/wire-server.ts';

const { id } = workflowRun;
const told = (number: number, type: string, more: object = {}) => ({
  id: `1-${number}`,
  event: type,
  data: {
    id: `1-${number}`,
    type,
    subject: id,
    organization_id: 'o',
    occurred_at: `2026-01-02T03:04:0${number}.000Z`,
    data: { workflow_run_id: id, ...more },
  },
});
const HISTORY = [told(4, 'workflow.run.started'), told(5, 'workflow.node.completed', { node: 'read' })];
const endedAs = (state: string) => events([...HISTORY, told(6, `workflow.run.${state}`)]);
const FAILED = { ...workflowRun, state: 'failed', error: { node: 'refine', code: 'x.y', message: 'It broke.' } };

async function folderWith(name: string, content: string): Promise<string> {
  const cwd = await mkdtemp(join(tmpdir(), 'assay-cli-'));
  onTestFinished(() => rm(cwd, { recursive: true }));
  await writeFile(join(cwd, name), content);
  return cwd;
}

describe('a workflow', () => {
  test('is deployed from a file, as it stands there', async () => {
    await using server = await WireServer.start(HEALTHY);
    const workflow = { name: 'orders', nodes: definition.nodes };
    const cwd = await folderWith('orders.json', JSON.stringify(workflow));
    const { exit, stdout } = await assay(['workflows', 'deploy', 'orders.json', '-q'], { url: server.url, cwd });
    expect([exit, stdout]).toEqual([0, `${definition.id}\n`]);
    expect(JSON.parse(server.last.body)).toEqual(workflow);
  });

  test('is validated, and what is wrong with it is listed by its field', async () => {
    const faults = [{ field: 'nodes.0.key', constraint: 'unique', message: 'It is there twice.' }];
    await using server = await WireServer.start({
      'POST /v1/workflow-definitions/validate': { json: { data: { valid: false, faults } } },
    });
    const { exit, stdout } = await assay(['workflows', 'validate', '-'], { url: server.url, stdin: '{}' });
    expect([exit, stdout]).toEqual([1, 'nodes.0.key\tIt is there twice.\n']);
  });

  test('that has not even the form of one is invalid too, with the same document', async () => {
    const fields = [{ field: 'nodes', constraint: 'required', message: 'Nodes field is required' }];
    const refusal = { error: { code: 'INVALID', message: 'Nodes field is required', details: { fields } } };
    await using server = await WireServer.start({
      'POST /v1/workflow-definitions/validate': { status: 400, json: refusal },
    });
    const { exit, stdout } = await assay(['workflows', 'validate', '-', '--json'], { url: server.url, stdin: '{}' });
    expect([exit, JSON.parse(stdout)]).toEqual([1, { valid: false, faults: fields }]);
  });

  test('is found by its name and version, and by its id', async () => {
    await using server = await WireServer.start({
      ...HEALTHY,
      'GET /v1/workflow-definitions': { json: { data: { workflow_definitions: [definition] }, links: {} } },
    });
    for (const wanted of ['orders', 'orders@2', definition.id]) {
      const { stdout } = await assay(['workflows', 'get', wanted, '--json'], server);
      expect(JSON.parse(stdout)).toEqual({ workflow_definition: definition });
    }
    expect((await assay(['workflows', 'get', 'orders@1'], server)).exit).toBe(3);
    expect((await assay(['workflows', 'get', 'orders@latest'], server)).exit).toBe(2);
  });

  test('is listed page by page', async () => {
    await using server = await WireServer.start(HEALTHY);
    const { stdout, stderr } = await assay(['workflows', 'list', '--name', 'orders', '--limit', '1'], server);
    expect(stdout).toBe(`${definition.id}\torders\t2\t4\t${definition.created_at}\t-\n`);
    expect(stderr).toContain('--cursor more');
    expect(server.last.url).toBe('/v1/workflow-definitions?limit=1&name=orders');
  });

  test.each([
    ['a file that is not there', ['workflows', 'deploy', 'nowhere.json'], ''],
    ['what is no JSON', ['workflows', 'validate', '-'], '{'],
    ['an input that is no object', ['run', 'orders', '-i', '[]'], ''],
    ['a priority beyond all others', ['run', 'orders', '--priority', '11'], ''],
    ['events of what is not waited for', ['run', 'orders', '--jsonl'], ''],
  ])('%s is refused before anything is asked', async (_, args, stdin) => {
    await using server = await WireServer.start({});
    expect((await assay(args, { url: server.url, stdin })).exit).toBe(2);
    expect(server.received).toEqual([]);
  });
});

describe('a run', () => {
  test('is started with the input of a file, and its id printed', async () => {
    await using server = await WireServer.start(HEALTHY);
    const cwd = await folderWith('in.json', '{"lines": 3}');
    const args = ['run', 'orders@2', '-i', '@in.json', '--priority', '-3'];
    const { exit, stdout, stderr } = await assay(args, { url: server.url, cwd });
    expect([exit, stdout]).toEqual([0, `${id}\n`]);
    expect(stderr).toContain(`assay runs watch ${id}`);
    expect(JSON.parse(server.last.body)).toEqual({
      name: 'orders',
      version: 2,
      input: { lines: 3 },
      start: true,
      priority: -3,
    });
  });

  test('that is waited for prints what it came to', async () => {
    await using server = await WireServer.start({
      ...HEALTHY,
      [`GET /v1/workflow-runs/${id}/events`]: endedAs('completed'),
    });
    const { exit, stdout } = await assay(['run', 'orders', '--wait'], server);
    expect([exit, JSON.parse(stdout)]).toEqual([0, { total: 42 }]);
  });

  test('that failed ends the command with 8, and says where and what to do', async () => {
    await using server = await WireServer.start({
      ...HEALTHY,
      [`GET /v1/workflow-runs/${id}/events`]: endedAs('failed'),
      [`GET /v1/workflow-runs/${id}`]: { json: { data: { workflow_run: FAILED } } },
    });
    const { exit, stdout, stderr } = await assay(['runs', 'watch', id], server);
    expect(exit).toBe(8);
    expect(stdout).toBe(
      [
        '2026-01-02T03:04:04.000Z\trun.started\t-\t-',
        '2026-01-02T03:04:05.000Z\tnode.completed\tread\t-',
        '2026-01-02T03:04:06.000Z\trun.failed\t-\t-',
        '',
      ].join('\n'),
    );
    expect(stderr).toContain('failed at refine. It broke.');
    expect(stderr).toContain(`assay runs retry ${id}`);
    const document = await assay(['run', 'orders', '--wait', '--json'], server);
    expect([document.exit, JSON.parse(document.stdout)]).toEqual([8, { workflow_run: FAILED }]);
  });

  test('that took too long ends it with 124', async () => {
    const late = { node: null, code: 'workflow_run.timed_out', message: 'The run took longer than it may.' };
    await using server = await WireServer.start({
      ...HEALTHY,
      [`GET /v1/workflow-runs/${id}/events`]: endedAs('failed'),
      [`GET /v1/workflow-runs/${id}`]: { json: { data: { workflow_run: { ...FAILED, error: late } } } },
    });
    expect((await assay(['runs', 'watch', id], server)).exit).toBe(124);
  });

  test('that was retried is followed beyond its first end', async () => {
    let asked = 0;
    const first = events([...HISTORY, told(5, 'workflow.run.failed')]);
    const second = events([told(6, 'workflow.run.completed')]);
    await using server = await WireServer.start({
      ...HEALTHY,
      [`GET /v1/workflow-runs/${id}/events`]: (received, response) => {
        const route = ++asked === 1 ? first : second;
        return typeof route === 'function' ? route(received, response) : route;
      },
    });
    const { exit, stdout } = await assay(['runs', 'watch', id, '--jsonl'], server);
    expect(exit).toBe(0);
    const types = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { type: string }).type);
    expect(types.slice(-2)).toEqual(['workflow.run.failed', 'workflow.run.completed']);
    const resumed = server.received.filter(({ url }) => url.endsWith('/events')).at(-1);
    expect(resumed?.headers['last-event-id']).toBe('1-5');
  });

  test('is listed, shown, cancelled and retried', async () => {
    await using server = await WireServer.start(HEALTHY);
    const listed = await assay(['runs', 'list', '--state', 'completed', '--workflow', 'orders', '--all'], server);
    expect(listed.stdout).toContain(`${id}\torders@2\tcompleted\t`);
    expect(server.last.url).toContain('state=completed');
    expect(JSON.parse((await assay(['runs', 'get', id, '--json'], server)).stdout)).toMatchObject({
      workflow_run: workflowRun,
      nodes: [{ key: 'read' }, {}, {}, {}],
    });
    for (const verb of ['cancel', 'retry']) {
      expect((await assay(['runs', verb, id, '-q'], server)).stdout).toBe(`${id}\n`);
      expect(server.last.url).toBe(`/v1/workflow-runs/${id}/${verb}`);
    }
  });

  test('is drawn as a tree, and for what draws graphs', async () => {
    await using server = await WireServer.start(HEALTHY);
    const { stdout } = await assay(['runs', 'graph', id], server);
    expect(stdout).toBe(
      [
        '✔ read  noop  completed',
        '├─ ✔ check  noop  completed',
        '│  └─ ⊘ publish  noop  cancelled  (and after read, refine)',
        '└─ ✖ refine  noop  failed',
        '',
      ].join('\n'),
    );
    const mermaid = (await assay(['runs', 'graph', id, '--form', 'mermaid'], server)).stdout;
    expect(mermaid).toContain('n2["refine<br/>noop"]:::failed');
    expect(mermaid).toContain('n2 --> n3');
    const dot = (await assay(['runs', 'graph', id, '--form', 'dot'], server)).stdout;
    expect(dot).toContain('"check" -> "publish";');
    expect(JSON.parse((await assay(['runs', 'graph', id, '--json'], server)).stdout)).toMatchObject({
      nodes: [{ key: 'read', state: 'completed', depends_on: [] }, {}, {}, {}],
    });
  });
});
