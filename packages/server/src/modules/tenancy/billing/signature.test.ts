import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { assertSigned, type Signed } from './signature.ts';

/** The example of the Standard Webhooks libraries. */
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const EXAMPLE: Signed = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: '1614265330',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  payload: Buffer.from('{"test": 2432232314}'),
};
const NOW = new Date(1_614_265_330_000);

const isTaken = (change: Partial<Signed>, now = NOW, secret = SECRET): boolean => {
  try {
    assertSigned({ ...EXAMPLE, ...change }, secret, now);
    return true;
  } catch {
    return false;
  }
};

describe('a signature', () => {
  test('is checked as the libraries of Standard Webhooks make it', () => {
    expect(isTaken({})).toBe(true);
    expect(isTaken({ signature: `v1,AAAA v2,zzzz ${EXAMPLE.signature}` })).toBe(true);
  });

  test.each([
    [{ id: 'msg_other' }],
    [{ timestamp: '1614265331' }],
    [{ payload: Buffer.from('{"test": 2432232315}') }],
    [{ signature: '' }],
    [{ signature: EXAMPLE.signature.replace('v1', 'v2') }],
    [{ signature: 'v1,' }],
    [{ timestamp: 'yesterday' }],
    [{ timestamp: '-1614265330' }],
  ])('does not fit %j', (change) => {
    expect(isTaken(change)).toBe(false);
  });

  test('is good for five minutes, either way', () => {
    const at = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);
    expect([-301, -299, 299, 301].map((seconds) => isTaken({}, at(seconds)))).toEqual([false, true, true, false]);
  });

  test('without an id is of no message', () => {
    const key = Buffer.from(SECRET.slice(6), 'base64');
    const digest = createHmac('sha256', key).update(`.${EXAMPLE.timestamp}.`).update(EXAMPLE.payload).digest('base64');
    expect(isTaken({ id: '', signature: `v1,${digest}` })).toBe(false);
  });
});
