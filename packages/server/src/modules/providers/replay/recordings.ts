import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replayErrors } from '../errors.ts';
import { type Exchange, readExchange, writeExchange } from './exchange.ts';

export type RecordingsOptions = {
  dir: string;
  /** Whether calls may be recorded; else what is there is played. */
  canRecord: boolean;
  /** `recorded` plays answers as slowly as they came. */
  pace: 'none' | 'recorded';
};

/** A larger exchange is no example any more, and would be read into memory for each call. */
const MOST_BYTES = 8 << 20;
/** Exchanges of one organization. More are not looked through by anybody, and fill a disk. */
const MOST_EXCHANGES = 10_000;

/**
 * A directory of exchanges: `<organization>/<digest>.json` is what an organization recorded, and only it can play that;
 * `<digest>.json` was put there by whoever runs the installation, for everybody. Names are made of ids and digests here:
 * nothing that a caller writes is part of a path.
 */
export class Recordings {
  readonly #options: RecordingsOptions;

  constructor(options: RecordingsOptions) {
    this.#options = options;
  }

  get pace(): RecordingsOptions['pace'] {
    return this.#options.pace;
  }

  get canRecord(): boolean {
    return this.#options.canRecord;
  }

  /**
   * Finds what was recorded.
   * @throws AppError when it is not there, or cannot be read, naming the digest
   */
  async get(orgId: string, of: { digest: string; model: string }): Promise<Exchange> {
    const file = `${of.digest}.json`;
    const text = (await this.#read(join(orgId, file))) ?? (await this.#read(file));
    if (text === null) {
      const way = this.canRecord
        ? 'Send it to the model itself with the header `X-Assay-Record: on`.'
        : 'Start Assay with ASSAY_REPLAY_RECORD=on, and send it to the model itself with the header `X-Assay-Record: on`.';
      throw replayErrors.missing(`Nothing is recorded for this request to ${of.model} (digest ${of.digest}). ${way}`);
    }
    const exchange = readExchange(text, of.digest);
    if (exchange) return exchange;
    throw replayErrors.unreadable(`What is recorded under the digest ${of.digest} cannot be read. Record it again.`);
  }

  /**
   * Keeps an exchange, in the place of one with the same digest. Whoever reads sees the old one or the new one whole.
   * @throws Error when it is too large, there are too many, or it cannot be written
   */
  async keep(orgId: string, exchange: Exchange): Promise<void> {
    const text = writeExchange(exchange);
    if (Buffer.byteLength(text) > MOST_BYTES) throw new Error(`The exchange is larger than ${MOST_BYTES} bytes.`);
    const folder = join(this.#options.dir, orgId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = `${exchange.digest}.json`;
    const there = await readdir(folder);
    if (there.length >= MOST_EXCHANGES && !there.includes(file))
      throw new Error(`There are ${MOST_EXCHANGES} exchanges of the organization already.`);
    const unfinished = join(folder, `.${exchange.digest}.${randomUUID()}`);
    try {
      await writeFile(unfinished, text, { mode: 0o600, flag: 'wx' });
      await rename(unfinished, join(folder, file));
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  /** Null when there is no such file. */
  async #read(name: string): Promise<string | null> {
    const file = await open(join(this.#options.dir, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (file === null) return null;
    try {
      const { size } = await file.stat();
      return size > MOST_BYTES ? '' : await file.readFile('utf8');
    } finally {
      await file.close();
    }
  }
}
