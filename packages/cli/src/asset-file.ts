import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { link, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import type { AssetDownload } from '@assay/sdk';
import { CliError } from './cli-error.ts';

/** Bytes on their way: how many there were, and what they come to. */
export class Passage {
  readonly #onBytes: (bytes: number) => void;
  #hash = createHash('sha256');
  #bytes = 0;

  /** @param onBytes told how many there were so far */
  constructor(onBytes: (bytes: number) => void) {
    this.#onBytes = onBytes;
  }

  /** Begins anew with these. */
  async *of(source: AsyncIterable<Uint8Array | string>): AsyncGenerator<Uint8Array> {
    this.#hash = createHash('sha256');
    this.#bytes = 0;
    for await (const piece of source) {
      const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
      this.#hash.update(chunk);
      this.#bytes += chunk.byteLength;
      this.#onBytes(this.#bytes);
      yield chunk;
    }
  }

  /** The same as a stream that `fetch` sends. */
  streamOf(source: AsyncIterable<Uint8Array | string>): ReadableStream<Uint8Array> {
    return Readable.toWeb(Readable.from(this.of(source))) as ReadableStream<Uint8Array>;
  }

  /** @throws CliError when what passed is not what it should be */
  assertIs(sha256: string): void {
    if (this.#hash.digest('hex') === sha256) return;
    throw new CliError('What arrived is not what was sent: the SHA-256 differs.', {
      code: 'digest_mismatch',
      exit: EXIT_CODES.integrityBroken,
      hint: 'Something on the way changes it, a proxy for example. Try again without it.',
    });
  }
}

/**
 * A name for a file that an asset is saved to. Whoever uploaded it chose the name: it leads nowhere else, holds nothing
 * that takes hold of a terminal, is no option, and is not hidden.
 */
export function safeName(filename: string, id: string): string {
  const name = basename(filename.replaceAll('\\', '/'))
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '_')
    .trim()
    .replace(/^[.-]+/, '_');
  return name === '' || name === '_' ? id : name;
}

/**
 * Saves a download, whole or not at all.
 * @throws CliError when it is not what it should be; and when a file is there already, unless it may be replaced
 */
export async function saveDownload(
  { content, sha256 }: AssetDownload,
  { target, replace, passage }: { target: string; replace: boolean; passage: Passage },
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const draft = join(dirname(target), `.${randomUUID()}.part`);
  try {
    await pipeline(passage.of(content), createWriteStream(draft, { flags: 'wx' }));
    passage.assertIs(sha256);
    if (replace) await rename(draft, target);
    // Unlike a rename this takes nothing away that has come there in the meantime.
    else await link(draft, target).catch(asRefusal(target));
  } finally {
    await rm(draft, { force: true });
  }
}

const asRefusal = (target: string) => (error: NodeJS.ErrnoException) => {
  throw error.code === 'EEXIST' ? isThere(target, error) : error;
};

/** The refusal to take the place of a file. */
export const isThere = (target: string, cause?: Error): CliError =>
  new CliError(`${target} is there already, and is not overwritten.`, {
    code: 'file_exists',
    exit: EXIT_CODES.conflict,
    hint: 'Move it away, or save elsewhere.',
    cause,
  });

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** A number of bytes as a person reads it. */
export function sizeText(bytes: number): string {
  const step = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${UNITS[step]}`;
}
