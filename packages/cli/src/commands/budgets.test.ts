import { expect, test } from 'vitest';
import { assay } from '../../test/assay.ts';
import { budget, HEALTHY, usage } from '../../test/samples.ts';
import { WireServer } from '../../test/wire-server.ts';

test('budgets are listed page by page, in dollars', async () => {
  await using server = await WireServer.start({
    ...HEALTHY,
    'GET /v1/budgets': ({ url }) => ({
      json: { data: { budgets: [budget] }, links: url.includes('cursor') ? {} : { next: '/v1/budgets?cursor=c' } },
    }),
  });
  const { stdout } = await assay(['budgets', 'list'], server);
  const [first = ''] = stdout.split('\n');
  expect(first.split('\t').slice(1, 8)).toEqual([
    'Everything',
    'team:t1',
    'month',
    '$20.00',
    '$1.25',
    '$0.000005',
    '$18.749995',
  ]);
  expect((await assay(['budgets', 'list', '-q'], server)).stdout).toBe(`${budget.id}\n${budget.id}\n`);
});

test('a budget is made of dollars, a scope and thresholds', async () => {
  await using server = await WireServer.start({
    ...HEALTHY,
    'POST /v1/budgets': { status: 201, json: { data: { budget } } },
  });
  const args = ['budgets', 'create', 'Everything', '--limit', '$20', '--for', 'team:t1', '--tell-at', '50', '-q'];
  expect(await assay(args, server)).toMatchObject({ exit: 0, stdout: `${budget.id}\n` });
  expect(JSON.parse(server.last.body)).toEqual({
    name: 'Everything',
    scope: { kind: 'team', id: 't1' },
    period: 'month',
    limit_micros: 20_000_000,
    thresholds: [50],
  });
  const { exit, stderr } = await assay(['budgets', 'create', 'x', '--limit', '1,5'], server);
  expect(exit).toBe(2);
  expect(stderr).toContain('It must be dollars');
});

test('a budget is deleted only when that is meant', async () => {
  const route = `DELETE /v1/budgets/${budget.id}`;
  await using server = await WireServer.start({ ...HEALTHY, [route]: { json: { data: { budget } } } });
  expect((await assay(['budgets', 'delete', budget.id], server)).exit).toBe(2);
  expect(await assay(['budgets', 'delete', budget.id, '--yes'], server)).toMatchObject({ exit: 0 });
});

test('usage is summed by what was asked for', async () => {
  await using server = await WireServer.start({ ...HEALTHY, 'GET /v1/me/usage': { json: { data: { usage } } } });
  const { stdout, stderr } = await assay(['usage', '--own', '--group-by', 'model'], server);
  expect(stdout).toBe('gpt-4o\t3\t10\t2\t5\t1\t$0.0007\n');
  expect(stderr).toContain('$0.0007 for 3 calls');
  expect(server.last.url).toBe('/v1/me/usage?group_by=model');
});
