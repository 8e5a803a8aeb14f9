import { describe, expect, test } from 'vitest';
import { AppError } from '../../kernel/errors.ts';
import { type CredentialSource, findCredential } from './credentials.ts';

const KEY = 'sk_one';
const TOKEN = 'eyJ.a.b';
const key = { kind: 'api_key', value: KEY };
const token = { kind: 'access_token', value: TOKEN };

const find = (headers: CredentialSource['headers'], queryKey: CredentialSource['queryKey'] = null): unknown => {
  try {
    return findCredential({ headers, queryKey });
  } catch (error) {
    return error instanceof AppError ? error.code : 'a bug';
  }
};

describe('a credential', () => {
  test.each([
    ['no header', {}, null, null],
    ['a bearer token', { authorization: `Bearer ${TOKEN}` }, null, token],
    ['a bearer key', { authorization: `Bearer ${KEY}` }, null, key],
    ['the scheme in any case, and more spaces', { authorization: `  bEaReR   ${KEY}  ` }, null, key],
    ['a key header', { 'x-api-key': KEY }, null, key],
    ['a key in the query', {}, KEY, key],
    ['one key in two places', { authorization: `Bearer ${KEY}`, 'x-api-key': KEY }, null, key],
    ['one key in three places', { authorization: `Bearer ${KEY}`, 'x-api-key': KEY }, KEY, key],
    ['a session cookie', { cookie: 'a=b; wos_session=ws_x' }, null, { kind: 'session', value: 'ws_x' }],
    ['an emptied cookie beside a key', { cookie: 'wos_session=', 'x-api-key': KEY }, null, key],
    ['a cookie beside a key', { cookie: 'wos_session=ws_x', 'x-api-key': KEY }, null, 'credential.ambiguous'],
    ['a key in the cookie', { cookie: `wos_session=${KEY}` }, null, { kind: 'session', value: KEY }],
    ['two keys', { authorization: `Bearer ${KEY}`, 'x-api-key': 'sk_two' }, null, 'credential.ambiguous'],
    ['a token and a key', { authorization: `Bearer ${TOKEN}`, 'x-api-key': KEY }, null, 'credential.ambiguous'],
    ['a header and another query', { 'x-api-key': KEY }, 'sk_two', 'credential.ambiguous'],
    ['two keys in one header', { 'x-api-key': [KEY, KEY] }, null, 'credential.ambiguous'],
    ['two keys in the query', {}, [KEY, KEY], 'credential.ambiguous'],
    ['a token in the query', {}, TOKEN, 'credential.misplaced'],
    ['nothing in the query', {}, '', 'credential.misplaced'],
    ['a token in the key header', { 'x-api-key': TOKEN }, null, 'credential.invalid'],
    ['nothing in the key header', { 'x-api-key': '' }, null, 'credential.invalid'],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }, null, 'credential.invalid'],
    ['a scheme and nothing else', { authorization: 'Bearer' }, null, 'credential.invalid'],
    ['an empty header', { authorization: '' }, null, 'credential.invalid'],
    ['a key without a scheme', { authorization: KEY }, null, 'credential.invalid'],
    ['two words behind the scheme', { authorization: `Bearer ${KEY} ${KEY}` }, null, 'credential.invalid'],
    ['another scheme beside a key', { authorization: 'Basic x', 'x-api-key': KEY }, null, 'credential.invalid'],
  ] as [string, CredentialSource['headers'], CredentialSource['queryKey'], unknown][])(
    'as %s',
    (_name, headers, queryKey, expected) => {
      expect(find(headers, queryKey)).toEqual(expected);
    },
  );

  test('is not repeated by the refusal', () => {
    const headers = { authorization: 'Basic hunter2' };
    expect(() => findCredential({ headers, queryKey: null })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
    );
  });
});
