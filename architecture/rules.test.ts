import { dirname, relative } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import config from '../.dependency-cruiser.mjs';
import type { Cruise } from './cruise.ts';
import { cruise } from './cruise.ts';
import { moduleDependencies } from './modules.mjs';
import { plantTree } from './planted-tree.ts';

/** An import: the file that has it, and a file of the tree or a specifier of something outside it. */
type Edge = readonly [from: string, to: string];

const FOLDERS = ['packages', 'acceptance'];
const server = (path: string) => `packages/server/src/${path}`;
const moduleNames = Object.keys(moduleDependencies);

/** Imports that each rule must refuse. */
const refused: Readonly<Record<string, readonly Edge[]>> = {
  'no-runtime-cycles': [[server('platform/egg.ts'), server('platform/hen.ts')]],
  'kernel-is-leaf': [
    [server('kernel/words.ts'), server('platform/log.ts')],
    [server('kernel/words.ts'), 'node:fs/promises'],
    [server('kernel/words.ts'), 'zod'],
  ],
  'platform-below-modules': [[server('platform/log.ts'), server('modules/tenancy/index.ts')]],
  'config-read-at-the-edge': [[server('surfaces/control/index.ts'), server('config/env.ts')]],
  'modules-know-no-surface': [[server('modules/tenancy/operations.ts'), server('surfaces/control/index.ts')]],
  'modules-know-no-contract': [[server('modules/tenancy/operations.ts'), '@assay/contract']],
  'surfaces-know-no-role': [[server('surfaces/control/index.ts'), server('roles/api.ts')]],
  'cross-module-through-index': [[server('modules/access/operations.ts'), server('modules/tenancy/operations.ts')]],
  'outside-enters-through-index': [[server('surfaces/control/index.ts'), server('modules/tenancy/model.ts')]],
  'module-is-listed': [[server('roles/api.ts'), server('modules/unheard-of/index.ts')]],
  'store-is-private': [[server('modules/tenancy/index.ts'), server('modules/tenancy/store.ts')]],
  'model-is-pure': [
    [server('modules/tenancy/model.ts'), 'node:child_process'],
    [server('modules/tenancy/policy.ts'), server('platform/log.ts')],
  ],
  'surfaces-are-strangers': [[server('surfaces/control/index.ts'), server('surfaces/evaluations/index.ts')]],
  'http-frameworks-only-in-surfaces': [[server('roles/api.ts'), 'fastify']],
  'sql-only-in-stores': [
    [server('modules/tenancy/operations.ts'), 'pg'],
    [server('surfaces/control/index.ts'), 'pg'],
  ],
  'contract-does-nothing': [
    ['packages/contract/src/index.ts', 'node:net'],
    ['packages/contract/src/index.ts', 'ws'],
  ],
  'clients-see-only-the-contract': [
    ['packages/runner/src/box.test.ts', '@assay/server/main'],
    ['acceptance/journey.test.ts', '@assay/server/main'],
  ],
  'packages-through-exports': [['packages/sdk/src/index.ts', 'packages/contract/src/inner.ts']],
  'no-test-code-in-product': [[server('roles/api.ts'), 'packages/server/test/fakes/mail.ts']],
  'declared-dependencies-only': [
    ['packages/runner/src/index.ts', 'pg'],
    [server('main.ts'), 'vitest'],
  ],
  'not-to-unresolvable': [[server('main.ts'), 'not-installed-anywhere']],
  'package-runner-edges': [['packages/runner/src/index.ts', '@assay/sdk']],
  'package-contract-edges': [['packages/contract/src/index.ts', '@assay/sdk']],
  'package-sdk-edges': [['packages/sdk/src/index.ts', '@assay/runner/main']],
  'package-cli-edges': [['packages/cli/src/index.ts', '@assay/runner/main']],
  'package-server-edges': [[server('main.ts'), '@assay/runner/main']],
  ...Object.fromEntries(
    moduleNames.map((name) => {
      const uses = moduleDependencies[name] ?? [];
      const others = moduleNames.filter((other) => other !== name && !uses.includes(other));
      return [
        `module-${name}-edges`,
        others.map((other): Edge => [server(`modules/${name}/jobs.ts`), server(`modules/${other}/index.ts`)]),
      ];
    }),
  ),
};

/** Imports that no rule may refuse: the ways the layers are meant to be used. */
const allowed: readonly Edge[] = [
  [server('main.ts'), server('compose.ts')],
  [server('compose.ts'), server('config/env.ts')],
  [server('compose.ts'), server('roles/api.ts')],
  [server('roles/api.ts'), server('surfaces/control/index.ts')],
  [server('surfaces/control/index.ts'), server('surfaces/http/index.ts')],
  [server('surfaces/control/index.ts'), server('modules/tenancy/index.ts')],
  [server('surfaces/control/index.ts'), '@assay/contract'],
  [server('surfaces/control/index.ts'), 'fastify'],
  [server('modules/tenancy/index.ts'), server('modules/tenancy/operations.ts')],
  [server('modules/tenancy/operations.ts'), server('modules/tenancy/store.ts')],
  [server('modules/tenancy/operations.ts'), server('platform/log.ts')],
  [server('modules/tenancy/store.ts'), 'pg'],
  [server('modules/tenancy/model.ts'), server('kernel/words.ts')],
  [server('platform/db/pool.ts'), 'pg'],
  [server('platform/log.test.ts'), 'packages/server/test/fakes/mail.ts'],
  [server('platform/log.test.ts'), 'vitest'],
  [server('kernel/words.ts'), 'node:crypto'],
  ['packages/contract/src/index.ts', 'zod'],
  ['packages/runner/src/index.ts', '@assay/contract'],
  ['packages/runner/src/index.ts', 'node:child_process'],
  ['packages/cli/src/index.ts', '@assay/sdk'],
  ['acceptance/journey.test.ts', '@assay/sdk'],
  ...moduleNames.flatMap((name) =>
    (moduleDependencies[name] ?? []).map(
      (other): Edge => [server(`modules/${name}/operations.ts`), server(`modules/${other}/index.ts`)],
    ),
  ),
];

const importOf = (specifier: string) => `import '${specifier}';\n`;
const typeImportOf = (specifier: string) => `import type * as planted from '${specifier}';\nexport type { planted };\n`;
const lazyImportOf = (specifier: string) => `await import('${specifier}');\n`;

/** The files that have exactly these imports, each written by `write`. Files that are only imported are empty modules. */
function sourcesOf(edges: readonly Edge[], write: (specifier: string) => string): Record<string, string> {
  const sources: Record<string, string> = {};
  for (const entry of ['cli', 'contract', 'runner', 'sdk', 'server']) {
    sources[`packages/${entry}/src/index.ts`] = 'export {};\n';
    sources[`packages/${entry}/src/main.ts`] = 'export {};\n';
  }
  for (const [from, to] of edges) {
    const isFile = to.endsWith('.ts');
    if (isFile) sources[to] ??= 'export {};\n';
    const path = relative(dirname(from), to);
    const specifier = isFile ? (path.startsWith('.') ? path : `./${path}`) : to;
    sources[from] = (sources[from] ?? 'export {};\n') + write(specifier);
  }
  sources['acceptance/journey.test.ts'] ??= 'export {};\n';
  return sources;
}

async function cruisePlanted(edges: readonly Edge[], write: (specifier: string) => string): Promise<Cruise> {
  await using tree = await plantTree(sourcesOf(edges, write));
  return await cruise(tree.root, FOLDERS);
}

function isRefused({ violations }: Cruise, rule: string, [from, to]: Edge): boolean {
  const name = to.replace(/^node:/, '').replace(/^@assay\/([^/]+).*$/, 'packages/$1/');
  return violations.some(
    (violation) =>
      violation.rule === rule &&
      violation.from === from &&
      (violation.to === name || violation.to.startsWith(name) || violation.to.includes(`node_modules/${name}/`)),
  );
}

/** A cycle is reported once, at the edge that sorts first; its other half is here. */
const closingEdge: Edge = [server('platform/hen.ts'), server('platform/egg.ts')];
const everyRefusedEdge = [...Object.values(refused).flat(), closingEdge];

describe.each([
  { form: 'imports', write: importOf, harmless: [] },
  // A cycle that only types close is no cycle at run time.
  { form: 'type-only imports', write: typeImportOf, harmless: ['no-runtime-cycles'] },
  { form: 'lazy imports', write: lazyImportOf, harmless: [] },
])('$form', ({ write, harmless }) => {
  let seen: Cruise;
  beforeAll(async () => {
    seen = await cruisePlanted(everyRefusedEdge, write);
  });

  test.each(Object.keys(refused).filter((rule) => !harmless.includes(rule)))('against %s are refused', (rule) => {
    const missed = (refused[rule] ?? []).filter((edge) => !isRefused(seen, rule, edge));
    expect(missed, JSON.stringify(seen.violations, null, 1)).toEqual([]);
  });

  test.each(harmless)('against %s are harmless', (rule) => {
    expect(seen.violations.filter((violation) => violation.rule === rule)).toEqual([]);
  });

  test('along the layers are allowed', async () => {
    const { modules, violations } = await cruisePlanted(allowed, write);
    expect(violations).toEqual([]);
    expect(modules).toBeGreaterThan(20);
  });
});

test('every rule of the configuration has a planted violation', () => {
  const rules = config.forbidden.map(({ name }) => name);
  expect(rules.filter((name) => (refused[name] ?? []).length === 0)).toEqual([]);
});

test('every planted violation names a rule of the configuration', () => {
  const rules = config.forbidden.map(({ name }) => name);
  expect(Object.keys(refused).filter((name) => !rules.includes(name))).toEqual([]);
});
