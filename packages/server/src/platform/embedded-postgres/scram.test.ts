import { expect, test } from 'vitest';
import { scramExchange } from './scram.ts';

// The example of RFC 7677, section 3, but without its user name: PostgreSQL takes that from the start-up packet.
const NONCE = 'rOprNGfwEbeRWgbNEkqO';
const CHALLENGE = `r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

test('an exchange without a user name is the one that PostgreSQL expects', () => {
  const exchange = scramExchange('pencil', NONCE);
  expect(exchange.first).toBe(`n,,n=,r=${NONCE}`);
  expect(exchange.answer(CHALLENGE)).toBe(
    `c=biws,r=${NONCE}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=PROOF`,
  );
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
