import { describe, expect, test } from 'vitest';
import { etagOf, expectedVersions } from './etag.ts';

describe('If-Match', () => {
  test('names the versions that may be changed', () => {
    expect(expectedVersions({ 'if-match': etagOf(3) })).toEqual([3]);
    expect(expectedVersions({ 'if-match': '"3", "4"' })).toEqual([3, 4]);
  });

  test('left out or `*` accepts any version', () => {
    expect(expectedVersions({})).toBeNull();
    expect(expectedVersions({ 'if-match': '*' })).toBeNull();
  });

  test('with weak or foreign tags matches nothing', () => {
    expect(expectedVersions({ 'if-match': 'W/"3"' })).toEqual([]);
    expect(expectedVersions({ 'if-match': '"abc", "-1", "1e3", ""' })).toEqual([]);
  });

  test.each(['3', '"3', '"3" "4"', ',', '"3",', '', `"${'9'.repeat(2_000)}"`])('%j is refused', (header) => {
    expect(() => expectedVersions({ 'if-match': header })).toThrow(expect.objectContaining({ kind: 'invalid' }));
  });
});
