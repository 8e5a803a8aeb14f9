import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Range } from '../model.ts';
import type { Objects } from '../ports.ts';

/** Credentials come from where the AWS tools take them: AWS_ACCESS_KEY_ID and its kin, a profile, the machine's role. */
export type S3ObjectsOptions = {
  bucket: string;
  /** In front of every name; empty or ending with a slash. */
  prefix: string;
  /** Null for Amazon's own. */
  endpoint: string | null;
  region: string;
};

/**
 * What goes in one request. An object has 10,000 parts at most, so this many bytes bound how large it can be; and each upload
 * that is under way holds two of them in memory.
 */
const PART_BYTES = 16 << 20;

/** Longest that anything but the body of an object is waited for. */
const CONNECT_MS = 5_000;

/** Objects in a bucket of a service that speaks S3. */
export class S3Objects implements Objects {
  readonly #options: S3ObjectsOptions;
  #opened: Promise<{ sdk: typeof import('@aws-sdk/client-s3'); client: S3Client }> | null = null;

  constructor(options: S3ObjectsOptions) {
    this.#options = options;
  }

  async write(name: string, bytes: AsyncIterable<Buffer>): Promise<void> {
    const parts = inParts(bytes);
    const first = (await parts.next()).value ?? Buffer.alloc(0);
    if (first.length < PART_BYTES) return this.#put(name, first);
    const { sdk, client } = await this.#open();
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand(this.#object(name)));
    const upload = { ...this.#object(name), UploadId };
    try {
      const sent: { ETag?: string | undefined; PartNumber: number }[] = [];
      const send = async (PartNumber: number, Body: Buffer): Promise<void> => {
        const { ETag } = await client.send(new sdk.UploadPartCommand({ ...upload, PartNumber, Body }));
        sent.push({ ETag, PartNumber });
      };
      // One part goes out while the next one comes in.
      let number = 1;
      let going = send(number, first);
      going.catch(() => {});
      for await (const part of parts) {
        await going;
        number += 1;
        going = send(number, part);
        going.catch(() => {});
      }
      await going;
      await client.send(new sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: sent } }));
    } catch (error) {
      // Whoever collects garbage does it where this fails.
      await client.send(new sdk.AbortMultipartUploadCommand(upload)).catch(() => {});
      throw error;
    }
  }

  async read(name: string, { start, end }: Range): Promise<Readable | null> {
    const { sdk, client } = await this.#open();
    try {
      if (start === end) {
        await client.send(new sdk.HeadObjectCommand(this.#object(name)));
        return Readable.from([]);
      }
      const part = { ...this.#object(name), Range: `bytes=${start}-${end - 1}` };
      return (await client.send(new sdk.GetObjectCommand(part))).Body as Readable;
    } catch (error) {
      if (['NoSuchKey', 'NotFound'].includes(nameOf(error))) return null;
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    const { sdk, client } = await this.#open();
    await client.send(new sdk.DeleteObjectCommand(this.#object(name)));
    // A writer that died leaves parts behind, which are listed nowhere else and are paid for.
    const { Bucket, Key } = this.#object(name);
    const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: Key }));
    for (const { UploadId } of Uploads)
      await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  }

  async check(): Promise<void> {
    const { sdk, client } = await this.#open();
    // A bucket that is there says that it has no such object; one that is not says that.
    await client.send(new sdk.GetObjectCommand(this.#object('check'))).catch((error) => {
      if (nameOf(error) !== 'NoSuchKey') throw error;
    });
  }

  async #put(name: string, Body: Buffer): Promise<void> {
    const { sdk, client } = await this.#open();
    await client.send(new sdk.PutObjectCommand({ ...this.#object(name), Body }));
  }

  #object(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: `${this.#options.prefix}${name}` };
  }

  #open() {
    this.#opened ??= this.#load();
    return this.#opened;
  }

  async #load() {
    // Loaded when it is used: it is larger than all the rest of the server.
    const sdk = await import('@aws-sdk/client-s3');
    const { endpoint, region } = this.#options;
    const client = new sdk.S3Client({
      region,
      // Others than Amazon do not all know its newer checksums.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: CONNECT_MS },
      ...(endpoint === null ? {} : { endpoint, forcePathStyle: true }),
    });
    return { sdk, client };
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

/** The same bytes in parts of one size, the last of them smaller. */
async function* inParts(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, undefined> {
  let chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of bytes) {
    let rest = chunk;
    while (length + rest.length >= PART_BYTES) {
      const taken = rest.subarray(0, PART_BYTES - length);
      yield Buffer.concat([...chunks, taken]);
      rest = rest.subarray(taken.length);
      chunks = [];
      length = 0;
    }
    chunks.push(rest);
    length += rest.length;
  }
  if (length > 0) yield Buffer.concat(chunks);
}
