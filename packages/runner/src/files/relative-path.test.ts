import { expect, test } from 'vitest';
import { refusePath } from './relative-path.ts';

test.each(['a', 'a/b.txt', 'ü/😀', 'a..b', '.hidden'])('%s can name a file', (path) => {
  expect(refusePath(path)).toBeUndefined();
});

test.each(['', '/etc/passwd', '../x', 'a/../../x', 'a//b', './a', 'a\0b', 'a\nb', 'x'.repeat(256), 'd/'.repeat(600)])(
  'a path that leaves the working directory or cannot exist is refused: %j',
  (path) => {
    expect(refusePath(path)).toMatch(/path/);
  },
);
