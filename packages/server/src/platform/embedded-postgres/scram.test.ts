import { expect, test } from 'vitest';
import { scramExchange } from './scram.ts';

// The example of RFC 7677, section 3.
const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const CHALLENGE = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

test('the example of the standard comes out as it is printed', () => {
  const exchange = scramExchange('pencil', NONCE, 'user');
  expect(exchange.first).toBe(`n,,n=user,r=${NONCE}`);
  expect(exchange.answer(CHALLENGE)).toBe(
    `c=biws,r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`,
  );
  expect(() => exchange.verify('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=')).not.toThrow();
});

test('a challenge for another connection is refused', () => {
  expect(() => scramExchange('pencil').answer(CHALLENGE)).toThrow('not for this connection');
  expect(() => scramExchange('pencil', NONCE).answer(`r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1`)).toThrow();
});

test('a server that does not know the password is refused', () => {
  const exchange = scramExchange('pencil', NONCE);
  exchange.answer(CHALLENGE);
  expect(() => exchange.verify('v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=')).toThrow('could not prove');
  expect(() => exchange.verify('e=other-error')).toThrow('could not prove');
});
