import { hkdfSync } from 'node:crypto';
import { open, seal } from './sealed.ts';

/** A key that is kept outside the database, and wraps the keys in it. */
export type KeyWrapper = {
  /** Names the key and tells nothing of it: the same in every process that has it. */
  readonly id: string;
  /** `context` is authenticated: the same words must be given to unwrap. */
  wrap(plain: Buffer, context: string): Promise<Buffer>;
  /** @throws when the bytes were wrapped by another key, or with another context */
  unwrap(wrapped: Buffer, context: string): Promise<Buffer>;
};

/** Where wrapping keys come from, the newest first. */
export type KeySource = {
  read(): Promise<readonly KeyWrapper[]>;
  /** Puts a new key in front; absent where keys are made elsewhere. */
  generate?(): Promise<void>;
};

/** A key of ours, 32 bytes that this process holds. */
export function localKey(key: Buffer): KeyWrapper {
  // Derived, so that the name of a key does not help to guess it.
  const fingerprint = Buffer.from(hkdfSync('sha256', key, '', 'fingerprint', 8)).toString('hex');
  return {
    id: `local:${fingerprint}`,
    wrap: async (plain, context) => seal(key, plain, context),
    unwrap: async (wrapped, context) => open(key, wrapped, context),
  };
}
