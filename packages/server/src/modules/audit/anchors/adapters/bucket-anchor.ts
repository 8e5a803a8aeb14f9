import type { S3Client } from '@aws-sdk/client-s3';
import type { AnchoredCheckpoint, AnchorPlace } from '../ports.ts';

/** Credentials come from where the AWS tools take them: AWS_ACCESS_KEY_ID and its kin, a profile, the machine's role. */
export type BucketAnchorOptions = {
  bucket: string;
  /** In front of every name; empty or ending with a slash. */
  prefix: string;
  /** Null for Amazon's own. */
  endpoint: string | null;
  region: string;
};

/** Digits of the size in a name: names then sort as sizes do. */
const SIZE_DIGITS = 16;

/**
 * Writes each checkpoint as an object of its own, and never over another one: with versions or object lock on the bucket
 * nobody can take it back.
 */
export function bucketAnchor({ bucket, prefix, endpoint, region }: BucketAnchorOptions): AnchorPlace {
  let client: Promise<S3Client> | null = null;
  const open = async (): Promise<S3Client> => {
    // Loaded when it is used: it is larger than all the rest of the server.
    const { S3Client: Client } = await import('@aws-sdk/client-s3');
    const own = endpoint === null ? {} : { endpoint, forcePathStyle: true };
    // Others than Amazon do not all know its newer checksums.
    const checksums = {
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    } as const;
    return new Client({ region, maxAttempts: 1, ...checksums, ...own });
  };
  return {
    destination: 's3',
    async write(checkpoint, abortSignal) {
      client ??= open();
      const { PutObjectCommand } = await import('@aws-sdk/client-s3');
      const { orgId, size, note } = checkpoint;
      const name = { Bucket: bucket, Key: `${prefix}${orgId}/${String(size).padStart(SIZE_DIGITS, '0')}.checkpoint` };
      const object = { ...name, Body: note, ContentType: 'text/plain; charset=utf-8', IfNoneMatch: '*' };
      try {
        await (await client).send(new PutObjectCommand(object), { abortSignal });
      } catch (error) {
        if ((error as { name?: string }).name !== 'PreconditionFailed') throw error;
        await assertSame(await client, { ...name, abortSignal }, checkpoint);
      }
    },
  };
}

type ObjectName = { Bucket: string; Key: string; abortSignal: AbortSignal };

/** An object of this name is there: ours of an attempt whose answer was lost, or that of a log that has been rewritten. */
async function assertSame(
  client: S3Client,
  { abortSignal, ...name }: ObjectName,
  { note }: AnchoredCheckpoint,
): Promise<void> {
  const { GetObjectCommand } = await import('@aws-sdk/client-s3');
  const found = await (await client.send(new GetObjectCommand(name), { abortSignal })).Body?.transformToString();
  const signedText = (text: string | undefined): string | undefined => text?.split('\n\n')[0];
  if (signedText(found) !== signedText(note)) {
    throw new Error(`${name.Key} holds another checkpoint of the same size: the log has been rewritten since.`);
  }
}
