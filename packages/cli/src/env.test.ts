import { expect, test } from 'vitest';
import { readEnvironment } from './env.ts';

test.each([
  [{}, null],
  [{ NO_COLOR: '1' }, false],
  [{ NO_COLOR: '' }, null],
  [{ FORCE_COLOR: '1' }, true],
  [{ FORCE_COLOR: '0' }, false],
  [{ NO_COLOR: '1', FORCE_COLOR: '1' }, false],
  [{ TERM: 'dumb' }, false],
  [{ TERM: 'xterm' }, null],
])('with %o the wish for colours is %s', (env, expected) => {
  expect(readEnvironment(env).colour).toBe(expected);
});

test('an empty variable counts as absent', () => {
  expect(readEnvironment({ ASSAY_URL: '', ASSAY_API_KEY: '' })).toMatchObject({ url: null, apiKey: null });
});

test('the configuration is where XDG says, else below the home directory', () => {
  expect(readEnvironment({ XDG_CONFIG_HOME: '/c', HOME: '/h' }).configDir).toBe('/c/assay');
  expect(readEnvironment({ HOME: '/h' }).configDir).toBe('/h/.config/assay');
});
