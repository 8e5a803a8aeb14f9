import { defineConfig } from 'vitest/config';

/*
 * Groups run one after the other, so that what measures time or counts processes has the machine to itself:
 * pure tests, then the database, then real sandboxes, then the whole product from outside.
 */
const group = (groupOrder: number) => ({ sequence: { groupOrder } });
const DEPENDENCIES = '**/node_modules/**';

/** The kinds of test. A file's name and folder say which one it is. */
export const projects = [
  {
    name: 'unit',
    include: ['packages/**/src/**/*.test.ts'],
    exclude: ['**/*.{db,sandbox}.test.ts', DEPENDENCIES],
    ...group(0),
  },
  {
    name: 'convention',
    include: ['{architecture,scripts}/**/*.test.ts'],
    exclude: [DEPENDENCIES],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    ...group(1),
  },
  {
    name: 'db',
    include: ['packages/**/*.db.test.ts'],
    exclude: [DEPENDENCIES],
    globalSetup: 'packages/server/test/global-setup.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    ...group(2),
  },
  {
    name: 'sandbox',
    include: ['packages/runner/**/*.sandbox.test.ts'],
    exclude: [DEPENDENCIES],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    ...group(3),
  },
  {
    name: 'acceptance',
    include: ['acceptance/**/*.test.ts'],
    exclude: [DEPENDENCIES],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    ...group(4),
  },
];

export default defineConfig({
  test: {
    reporters: ['default', './scripts/closing-line-reporter.ts'],
    // Tests run as the product does, through Node's own type stripping: no transform, no module mocks.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    projects: projects.map((test) => ({ extends: true, test })),
  },
});
