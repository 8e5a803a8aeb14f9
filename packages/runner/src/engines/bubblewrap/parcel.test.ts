import { expect, test } from 'vitest';
import { encodeParcel } from './parcel.ts';

test('a parcel is counts, sizes in bytes and the items themselves', () => {
  const parcel = encodeParcel({
    argv: ['/bin/x', 'ü\n'],
    env: { NAME: 'a=b' },
    files: [{ path: 'd/main.py', content: Buffer.from([0, 10, 255]) }],
  });
  const head = '2 1 1 6 3 8 9 3\n';
  expect(parcel.toString('latin1', 0, head.length)).toBe(head);
  expect(parcel.subarray(head.length)).toEqual(
    Buffer.concat([Buffer.from('/bin/xü\nNAME=a=bd/main.py'), Buffer.from([0, 10, 255])]),
  );
});

test('an empty parcel is its counts', () => {
  expect(encodeParcel({ argv: [], env: {}, files: [] }).toString()).toBe('0 0 0\n');
});
