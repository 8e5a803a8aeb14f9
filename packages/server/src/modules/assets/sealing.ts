import { type CipherGCM, createCipheriv, createDecipheriv } from 'node:crypto';
import type { Range } from './model.ts';

/*
 * Sealed content, so that any part of it opens without the rest: segments of 64 KiB, each under AES-256-GCM with the key of
 * its object and its number as the nonce. A key seals one object, so no nonce is used twice. The last segment says that it is
 * the last: a content that was cut, or whose segments were moved, does not open. It is the construction STREAM (Hoang,
 * Reyhanitabar, Rogaway, Vizár, 2015), as age and Tink have it.
 */

/** Larger ones are read and opened for a byte; smaller ones cost a tag for less. */
export const SEGMENT_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const SEALED_BYTES = SEGMENT_BYTES + TAG_BYTES;

/** Seals bytes as they come. Nothing is sealed as one segment that is empty. */
export async function* sealSegments(key: Buffer, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let number = 0;
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of bytes) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    // What may be the last segment waits for what comes behind it.
    let from = 0;
    for (; held.length - from > SEGMENT_BYTES; from += SEGMENT_BYTES, number++)
      yield sealOne(key, held.subarray(from, from + SEGMENT_BYTES), nonceOf(number, false));
    held = held.subarray(from);
  }
  yield sealOne(key, held, nonceOf(number, true));
}

/** The sealed bytes in which a part of the content lies; never nothing, so that a part of nothing is authentic as well. */
export function sealedRange({ start, end }: Range, size: number): Range {
  const last = lastSegment(size);
  const from = Math.min(Math.floor(start / SEGMENT_BYTES), last);
  const to = Math.max(from, Math.min(Math.ceil(end / SEGMENT_BYTES) - 1, last));
  return { start: from * SEALED_BYTES, end: Math.min((to + 1) * SEALED_BYTES, sealedSize(size)) };
}

/**
 * Opens the sealed bytes of `sealedRange`, and gives the part that was asked for.
 * @throws Error when they are not what was sealed there
 */
export async function* openSegments(
  key: Buffer,
  sealed: AsyncIterable<Buffer>,
  { range, size }: { range: Range; size: number },
): AsyncGenerator<Buffer> {
  const asked = sealedRange(range, size);
  let number = asked.start / SEALED_BYTES;
  let left = asked.end - asked.start;
  const take = (segment: Buffer): Buffer => {
    const plain = openOne(key, segment, nonceOf(number, number === lastSegment(size)));
    const offset = number * SEGMENT_BYTES;
    number += 1;
    left -= segment.length;
    return plain.subarray(Math.max(0, range.start - offset), Math.max(0, range.end - offset));
  };
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of sealed) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let from = 0;
    for (
      let next = Math.min(SEALED_BYTES, left);
      next > 0 && held.length - from >= next;
      next = Math.min(SEALED_BYTES, left)
    ) {
      const plain = take(held.subarray(from, from + next));
      from += next;
      if (plain.length > 0) yield plain;
    }
    held = held.subarray(from);
  }
  if (left > 0) throw new Error('The sealed content is shorter than it was.');
}

const lastSegment = (size: number): number => Math.max(0, Math.ceil(size / SEGMENT_BYTES) - 1);
const sealedSize = (size: number): number => size + TAG_BYTES * (lastSegment(size) + 1);

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeBigUInt64BE(BigInt(number), 3);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

function sealOne(key: Buffer, plain: Buffer, nonce: Buffer): Buffer {
  const cipher: CipherGCM = createCipheriv('aes-256-gcm', key, nonce);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

function openOne(key: Buffer, sealed: Buffer, nonce: Buffer): Buffer {
  const body = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAuthTag(sealed.subarray(body));
  return Buffer.concat([decipher.update(sealed.subarray(0, body)), decipher.final()]);
}
