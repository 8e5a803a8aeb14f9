import type { Vector } from '../embedding-model.ts';

const BYTES_A_NUMBER = 4;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** A vector as a list of numbers; null for anything else, and for what is no number: vendors have been seen to send it. */
export function vectorOfList(value: unknown): Vector | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  return value.every((item) => Number.isFinite(item)) ? value : null;
}

/** A vector packed as OpenAI does it, single precision and little-endian in base64; null for anything else. */
export function vectorOfBase64(value: string): Vector | null {
  if (!BASE64.test(value)) return null;
  const { buffer, byteOffset, byteLength } = Buffer.from(value, 'base64');
  if (byteLength === 0 || byteLength % BYTES_A_NUMBER !== 0) return null;
  // All that Node runs on is little-endian as well; the copy is there for its alignment.
  const vector = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return vector.every(Number.isFinite) ? vector : null;
}

export const base64OfVector = (vector: Vector): string =>
  Buffer.from(Float32Array.from(vector).buffer).toString('base64');

/** All of them where there are as many as expected and of one length; null where an answer is not whole. */
export function wholeVectors(found: readonly (Vector | null)[], expected: number): Vector[] | null {
  const vectors = found.filter((vector) => vector !== null);
  const isWhole = vectors.length === expected && found.length === expected;
  return isWhole && vectors.every(({ length }) => length === vectors[0]?.length) ? vectors : null;
}
