import { readdirSync, readFileSync } from 'node:fs';
import { moduleDependencies } from './architecture/modules.mjs';

const SERVER = '^packages/server/src/';
const TEST = ['\\.test\\.tsx?$', '^packages/[^/]+/test/', '^acceptance/', '^architecture/', '^scripts/'];

/**
 * @param {string} name
 * @param {string} comment
 * @param {object} from
 * @param {object} to
 */
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/**
 * @param {string} path
 * @param {string[]} pathNot
 */
const inServer = (path, pathNot = []) => ({ path: SERVER + path, pathNot: [...TEST, ...pathNot] });

const moduleNames = Object.keys(moduleDependencies);
const moduleEdges = Object.entries(moduleDependencies).map(([name, uses]) =>
  rule(
    `module-${name}-edges`,
    `May use: ${uses.join(', ') || 'no other module'} (architecture/modules.mjs).`,
    inServer(`modules/${name}/`),
    { path: `${SERVER}modules/`, pathNot: `${SERVER}modules/(${[name, ...uses].join('|')})/` },
  ),
);

// npm hoists every workspace to the root, so a manifest alone keeps no package from importing another.
const packageEdges = readdirSync(new URL('packages/', import.meta.url)).map((name) => {
  const manifest = JSON.parse(readFileSync(new URL(`packages/${name}/package.json`, import.meta.url), 'utf8'));
  const uses = Object.keys(manifest.dependencies ?? {})
    .filter((dependency) => dependency.startsWith('@assay/'))
    .map((dependency) => dependency.slice('@assay/'.length));
  return rule(
    `package-${name}-edges`,
    `May use: ${uses.join(', ') || 'no other package'} (packages/${name}/package.json).`,
    { path: `^packages/${name}/`, pathNot: TEST },
    { path: '^packages/', pathNot: `^packages/(${[name, ...uses].join('|')})/` },
  );
});

export default {
  forbidden: [
    rule(
      'no-runtime-cycles',
      'A cycle has no first file to read.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    rule('kernel-is-leaf', 'Words depend on nothing, and do nothing.', inServer('kernel/'), {
      path: [`${SERVER}(?!kernel/)`, 'node_modules/', '^(node:)?(fs|http|https|http2|net|tls|dgram|dns|child_process)'],
    }),
    rule('platform-below-modules', 'Machinery knows no domain.', inServer('platform/'), {
      path: `${SERVER}(config|modules|surfaces|roles|compose|main)`,
    }),
    rule(
      'config-read-at-the-edge',
      'Values are passed in, not looked up.',
      inServer('(kernel|platform|modules|surfaces)/'),
      { path: `${SERVER}config/` },
    ),
    rule('modules-know-no-surface', 'The domain does not know who is asking, or how.', inServer('modules/'), {
      path: `${SERVER}(surfaces|roles|compose|main)`,
    }),
    rule('modules-know-no-contract', 'Wire shapes are mapped at the surface.', inServer('(kernel|platform|modules)/'), {
      path: '^packages/contract/',
    }),
    rule('surfaces-know-no-role', 'A wire format does not know what its process does.', inServer('surfaces/'), {
      path: `${SERVER}(roles|compose|main)`,
    }),
    rule('cross-module-through-index', 'A module is its index.', inServer('modules/([^/]+)/'), {
      path: `${SERVER}modules/([^/]+)/`,
      pathNot: [`${SERVER}modules/$1/`, `${SERVER}modules/[^/]+/index\\.ts$`],
    }),
    rule('outside-enters-through-index', 'Also for surfaces, roles and compose.', inServer('', [`${SERVER}modules/`]), {
      path: `${SERVER}modules/[^/]+/`,
      pathNot: `${SERVER}modules/[^/]+/index\\.ts$`,
    }),
    rule(
      'module-is-listed',
      'A module without a line in architecture/modules.mjs has no edges to check.',
      {},
      {
        path: `${SERVER}modules/`,
        pathNot: `${SERVER}modules/(${moduleNames.join('|')})/`,
      },
    ),
    rule(
      'store-is-private',
      'SQL is reached through operations, reads and jobs.',
      inServer('modules/.*(index|model|policy|errors)\\.ts$'),
      { path: `${SERVER}modules/.*store[^/]*\\.ts$` },
    ),
    rule('model-is-pure', 'Rules can be tested without a machine.', inServer('modules/.*(model|policy|errors)\\.ts$'), {
      path: [`${SERVER}platform/`, 'node_modules/(pg|kysely|undici)/', '^(node:)?(fs|http|https|net|child_process)'],
    }),
    rule('surfaces-are-strangers', 'One wire format never leans on another.', inServer('surfaces/([^/]+)/'), {
      path: `${SERVER}surfaces/`,
      pathNot: [`${SERVER}surfaces/$1/`, `${SERVER}surfaces/http/`],
    }),
    rule('http-frameworks-only-in-surfaces', 'Transport stays at the edge.', inServer('', [`${SERVER}surfaces/`]), {
      path: 'node_modules/(fastify|@fastify|@grpc)/',
    }),
    rule(
      'sql-only-in-stores',
      'Queries live where they are reviewed as SQL.',
      inServer('', [`${SERVER}platform/db/`, `${SERVER}modules/.*(store|reads)[^/]*\\.ts$`]),
      { path: 'node_modules/(pg|kysely)/' },
    ),
    rule(
      'contract-does-nothing',
      'What crosses the wire is described, not sent.',
      {
        path: '^packages/contract/',
        pathNot: TEST,
      },
      { path: '.', pathNot: ['^packages/contract/', 'node_modules/(zod|@bufbuild/protobuf)/'] },
    ),
    rule(
      'clients-see-only-the-contract',
      'Separate trust, separate code; tests included.',
      { path: '^(packages/(sdk|cli|console|runner)|acceptance)/' },
      { path: '^packages/server/' },
    ),
    rule(
      'packages-through-exports',
      'A package is what its manifest exports.',
      { path: '^(packages/[^/]+)/' },
      {
        path: '^packages/',
        pathNot: '^$1/',
        dependencyTypes: ['local'],
      },
    ),
    rule('no-test-code-in-product', 'Fakes never ship.', { path: '^packages/', pathNot: TEST }, { path: TEST }),
    rule(
      'declared-dependencies-only',
      'What a package uses, it declares.',
      { path: '^packages/', pathNot: TEST },
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    ),
    rule(
      'not-to-unresolvable',
      'An edge the tool cannot see is an edge it cannot check.',
      { path: '^(packages|acceptance)/' },
      { couldNotResolve: true },
    ),
    ...packageEdges,
    ...moduleEdges,
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Anchored: a bare "/dist/" would also hide node_modules/*/dist, and with it every edge to such a package.
    exclude: { path: '^packages/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs'],
    },
  },
};
