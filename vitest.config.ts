import { defineConfig } from 'vitest/config';

/*
 * Groups run one after the other, so that what measures time or counts processes has the machine to itself:
 * pure tests, then the database, then real sandboxes, then the whole product from outside.
 */
const group = (groupOrder: number) => ({ sequence: { groupOrder } });

export default defineConfig({
  test: {
    reporters: ['default', './scripts/closing-line-reporter.ts'],
    // Tests run as the product does, through Node's own type stripping: no transform, no module mocks.
    experimental: { viteModuleRunner: false, nodeLoader: false },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/**/src/**/*.test.ts'],
          exclude: ['**/*.{db,sandbox}.test.ts', '**/node_modules/**'],
          ...group(0),
        },
      },
      {
        extends: true,
        test: {
          name: 'convention',
          include: ['{architecture,scripts}/**/*.test.ts'],
          testTimeout: 60_000,
          ...group(1),
        },
      },
      {
        extends: true,
        test: {
          name: 'db',
          include: ['packages/**/*.db.test.ts'],
          exclude: ['**/node_modules/**'],
          globalSetup: 'packages/server/test/global-setup.ts',
          testTimeout: 30_000,
          hookTimeout: 60_000,
          ...group(2),
        },
      },
      {
        extends: true,
        test: {
          name: 'sandbox',
          include: ['packages/runner/**/*.sandbox.test.ts'],
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          ...group(3),
        },
      },
      {
        extends: true,
        test: {
          name: 'acceptance',
          include: ['acceptance/**/*.test.ts'],
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          ...group(4),
        },
      },
    ],
  },
});
