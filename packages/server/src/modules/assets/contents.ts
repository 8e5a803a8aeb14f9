import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { AppError } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Tx } from '../../platform/db/index.ts';
import type { DataKeys } from '../vault/index.ts';
import { assetErrors } from './errors.ts';
import type { Located, Range, Stored } from './model.ts';
import type { Objects } from './ports.ts';
import { placeOfKey } from './reseal.ts';
import { openSegments, sealedRange, sealSegments } from './sealing.ts';
import { addUpload, endUploads, lockUploadsOf, reserveRoom } from './store-contents.ts';

export type ContentServices = {
  objects: Objects;
  transaction<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  limits: { maxBytes: number; quotaBytes: number | null };
  dataKeys: Pick<DataKeys, 'seal' | 'open'>;
  /** Whether what is stored from now on is sealed. What was sealed is opened in any case. */
  isSealing: boolean;
};

/** Bytes that a caller sends, with what they say of them. */
export type Upload = {
  bytes: AsyncIterable<Buffer>;
  /** Null where it is not known before the end. */
  sizeBytes: number | null;
  /** Digests that the bytes must have. */
  digests: readonly ExpectedDigest[];
};
export type ExpectedDigest = { algorithm: 'sha256' | 'sha512'; value: Buffer };

/** Room is asked for in steps of this size where nobody says how much is coming: smaller ones cost a round trip each. */
const STEP_BYTES = 8 << 20;

/** The bytes of all assets: written aside and known by name before an asset is made of them. */
export class Contents {
  readonly #services: ContentServices;

  constructor(services: ContentServices) {
    this.#services = services;
  }

  /** Stores what a program of the organization has left. It counts against the quota, and is never refused by it: it would be lost. */
  async put(orgId: string, bytes: Buffer): Promise<Stored> {
    const object = nameFor(orgId);
    await this.#services.transaction(orgId, async (tx) => addUpload(tx, orgId, object));
    const seal = await this.#store({ orgId, object }, once(bytes));
    return { object, digest: createHash('sha256').update(bytes).digest('hex'), sizeBytes: bytes.length, seal };
  }

  /**
   * Stores what a caller sends, as it comes. When it is refused, or cut, nothing of it is left.
   * @throws AppError for what is too large, over the quota, cut short, or not what it was said to be
   */
  async receive(orgId: string, upload: Upload): Promise<Stored> {
    this.#assertSize(upload.sizeBytes ?? 0);
    const object = nameFor(orgId);
    const room = new Room(this.#services, { orgId, object });
    await room.open(upload.sizeBytes ?? 0);
    const hashes = new Map(['sha256', ...upload.digests.map(({ algorithm }) => algorithm)].map(startHash));
    try {
      const { sizeBytes, seal } = await this.#write({ orgId, object }, upload.bytes, { room, hashes });
      const found = new Map([...hashes].map(([algorithm, hash]) => [algorithm, hash.digest()]));
      for (const { algorithm, value } of upload.digests)
        if (found.get(algorithm)?.equals(value) !== true) throw mismatch(algorithm, found.get(algorithm));
      return { object, digest: found.get('sha256')?.toString('hex') ?? '', sizeBytes, seal };
    } catch (error) {
      await this.giveUp(orgId, object);
      throw error;
    }
  }

  /** Gives up an upload, unless something was made of it. What of this fails is done by whoever collects garbage. */
  async giveUp(orgId: string, object: string): Promise<void> {
    const { objects, transaction } = this.#services;
    const ended = transaction(orgId, async (tx) => {
      const [found] = await lockUploadsOf(tx, orgId, [object]);
      if (found !== undefined) endUploads(tx, orgId, [object]);
      return found !== undefined;
    });
    await ended.then((isOurs) => (isOurs ? objects.remove(object) : undefined)).catch(() => {});
  }

  /** Opens content, or a part of it; null when it is missing from the store. */
  async open({ orgId, object, sizeBytes, seal }: Located, part?: Range): Promise<Readable | null> {
    const { objects, dataKeys } = this.#services;
    const range = part ?? { start: 0, end: sizeBytes };
    if (seal === null) return objects.read(object, range);
    const key = await dataKeys.open(placeOfKey(orgId, object), seal);
    const sealed = await objects.read(object, sealedRange(range, sizeBytes));
    return sealed && Readable.from(openSegments(key, sealed, { range, size: sizeBytes }));
  }

  /** Writes an object, sealed with a key of its own where content is sealed. */
  async #store({ orgId, object }: { orgId: string; object: string }, bytes: AsyncIterable<Buffer>) {
    const { objects, dataKeys, isSealing } = this.#services;
    if (!isSealing) {
      await objects.write(object, bytes);
      return null;
    }
    const key = randomBytes(32);
    await objects.write(object, sealSegments(key, bytes));
    // Not before the end: the data key that it is sealed under could have been replaced and thrown away meanwhile.
    return dataKeys.seal(placeOfKey(orgId, object), key);
  }

  async #write(
    name: { orgId: string; object: string },
    bytes: AsyncIterable<Buffer>,
    { room, hashes }: { room: Room; hashes: ReadonlyMap<string, ReturnType<typeof createHash>> },
  ): Promise<Pick<Stored, 'sizeBytes' | 'seal'>> {
    let size = 0;
    const measured = async function* (this: Contents): AsyncGenerator<Buffer> {
      for await (const chunk of uncut(bytes)) {
        size += chunk.length;
        this.#assertSize(size);
        if (size > room.bytes) await room.extend(size - room.bytes);
        for (const hash of hashes.values()) hash.update(chunk);
        yield chunk;
      }
    };
    const seal = await this.#store(name, measured.call(this));
    return { sizeBytes: size, seal };
  }

  #assertSize(size: number): void {
    const { maxBytes } = this.#services.limits;
    if (size > maxBytes)
      throw assetErrors.too_large(`The file is larger than the ${maxBytes} bytes that one may have here.`);
  }
}

/** The room in an organization's quota that an upload holds. */
class Room {
  readonly #services: ContentServices;
  readonly #upload: { orgId: string; object: string };
  #bytes = 0;

  constructor(services: ContentServices, upload: { orgId: string; object: string }) {
    this.#services = services;
    this.#upload = upload;
  }

  get bytes(): number {
    return this.#bytes;
  }

  async open(bytes: number): Promise<void> {
    const { orgId, object } = this.#upload;
    await this.#services.transaction(orgId, async (tx) => {
      addUpload(tx, orgId, object);
      await this.#reserve(tx, bytes, bytes);
    });
  }

  async extend(bytes: number): Promise<void> {
    const most = Math.max(bytes, STEP_BYTES);
    await this.#services.transaction(this.#upload.orgId, (tx) => this.#reserve(tx, bytes, most));
  }

  async #reserve(tx: Tx, least: number, most: number): Promise<void> {
    const { quotaBytes } = this.#services.limits;
    const granted = await reserveRoom(tx, this.#upload, { least, most, quotaBytes });
    if (granted === null)
      throw assetErrors.over_quota(
        'The organization has no room left for this file. Delete assets that are not needed any more, or have its quota raised.',
      );
    tx.onCommit(() => {
      this.#bytes += granted;
    });
  }
}

const startHash = (algorithm: string): [string, ReturnType<typeof createHash>] => [algorithm, createHash(algorithm)];

/** A name that nobody has had before, by organization, in folders that do not grow too large. */
function nameFor(orgId: string): string {
  const id = newId();
  return `${orgId}/${id.slice(0, 2)}/${id}`;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** What comes of a sender, whose going away is their doing. */
async function* uncut(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* bytes;
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw assetErrors.cut('The upload ended before all of it had come. Send it again.', { cause: error });
  }
}

const mismatch = (algorithm: string, found: Buffer | undefined): AppError =>
  assetErrors.digest_mismatch(
    `The file that came has another ${algorithm === 'sha256' ? 'SHA-256' : 'SHA-512'} than was said: ${found?.toString('hex')}. Send it again.`,
  );
