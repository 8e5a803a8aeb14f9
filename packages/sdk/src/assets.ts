import type { Asset, AssetUpload, controlRoutes } from '@assay/contract';
import { ConnectionError, MalformedAnswerError } from './assay-error.ts';
import type { Caller } from './caller.ts';
import type { AnswerOf } from './contract-route.ts';
import type { Listing } from './listing.ts';
import { type PageQuery, paged } from './paged.ts';
import { pause, pauseBefore } from './retry.ts';
import type { CallOptions, Content } from './transport.ts';

type Routes = typeof controlRoutes;

export type AssetPage = { assets: Asset[]; next_cursor: string | null };
export type AssetUploadOptions = CallOptions &
  Omit<AssetUpload, 'expires_in_seconds'> & {
    /** Has it deleted by itself after this time. */
    expires_in_seconds?: number | undefined;
  };
/** An asset on its way. */
export type AssetDownload = {
  /** Its name, without a path. It may still be one that your file system does not take. */
  filename: string;
  size_bytes: number;
  /** What the SHA-256 of the whole content is, in hex. */
  sha256: string;
  /** The bytes. A connection that breaks is made again, and goes on where it broke. */
  content: AsyncIterable<Uint8Array>;
};

/** How often a download is taken up again in a row without a byte. */
const MOST_BREAKS = 3;

/** Files of the organization. */
export class Assets {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Uploads a file, as it is read: it is never whole in memory. With `sha256` the server refuses any other content.
   * A stream is sent once; a blob, bytes, or a function that gives a stream are sent again when an attempt fails.
   */
  async upload(content: Content, options: AssetUploadOptions = {}): Promise<Asset> {
    const { filename, media_type, sha256, expires_in_seconds, ...call } = options;
    const answer = (await this.#caller.transport.json(
      {
        method: 'POST',
        path: '/v1/assets',
        query: { filename, media_type, sha256, expires_in_seconds },
        headers: { 'content-type': 'application/octet-stream' },
        content,
      },
      call,
    )) as AnswerOf<Routes['uploadAsset']>;
    return answer.data.asset;
  }

  /** All assets, newest first. */
  list(query: PageQuery = {}, options?: CallOptions): Listing<AssetPage, Asset> {
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/assets', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listAssets']>(call, options);
      },
      (data) => data.assets,
    );
  }

  /** What is known of an asset. */
  async get(id: string, options?: CallOptions): Promise<Asset> {
    const call = { method: 'GET', path: '/v1/assets/{id}/metadata', params: { id } } as const;
    return (await this.#caller.call<Routes['getAsset']>(call, options)).data.asset;
  }

  /** Downloads an asset, as it is read: it is never whole in memory. */
  async download(id: string, options: CallOptions = {}): Promise<AssetDownload> {
    const first = await this.#open(id, {}, options);
    const sha256 = /^"([0-9a-f]{64})"$/.exec(first.headers.get('etag') ?? '')?.[1];
    const size = Number(first.headers.get('content-length') ?? Number.NaN);
    if (sha256 === undefined || !Number.isSafeInteger(size))
      throw new MalformedAnswerError('The answer does not say what is sent: it is not that of an Assay server.');
    const rest = (from: number): Promise<Response> =>
      this.#open(id, { range: `bytes=${from}-`, 'if-match': `"${sha256}"` }, options);
    return {
      filename: nameIn(first.headers.get('content-disposition') ?? ''),
      size_bytes: size,
      sha256,
      content: whole(first, { size, rest, signal: options.signal }),
    };
  }

  async delete(id: string, options?: CallOptions): Promise<Asset> {
    const call = { method: 'DELETE', path: '/v1/assets/{id}', params: { id } } as const;
    return (await this.#caller.call<Routes['deleteAsset']>(call, options)).data.asset;
  }

  #open(id: string, headers: Record<string, string>, options: CallOptions): Promise<Response> {
    // What is sent is counted, so it may not be packed on its way.
    const wanted = { accept: '*/*', 'accept-encoding': 'identity', ...headers };
    return this.#caller.transport.open(
      { method: 'GET', path: '/v1/assets/{id}', params: { id }, headers: wanted },
      options,
    );
  }
}

const nameIn = (disposition: string): string => {
  const name = /filename\*=UTF-8''([^;]+)/.exec(disposition)?.[1];
  return name === undefined ? '' : decodeURIComponent(name);
};

type Rest = { size: number; rest(from: number): Promise<Response>; signal?: AbortSignal | undefined };

/** The bytes of an asset, to the last one. */
async function* whole(first: Response, { size, rest, signal }: Rest): AsyncGenerator<Uint8Array, void, undefined> {
  let response = first;
  for (let received = 0, breaks = 0; ; ) {
    const before = received;
    const failure = yield* piecesOf(response, (length) => {
      received += length;
    });
    if (received >= size) return;
    if (signal?.aborted) throw signal.reason;
    breaks = received > before ? 1 : breaks + 1;
    if (breaks > MOST_BREAKS)
      throw new ConnectionError(`The download broke off after ${received} of ${size} bytes.`, { cause: failure });
    await pause(pauseBefore(breaks) ?? 0, signal);
    response = await rest(received);
  }
}

/** What comes over one connection; gives what it broke of, if it did. */
async function* piecesOf(response: Response, count: (length: number) => void): AsyncGenerator<Uint8Array, unknown> {
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const next = await reader?.read().catch((failure: unknown) => ({ failure }));
      if (next === undefined) return undefined;
      if ('failure' in next) return next.failure;
      if (next.done) return undefined;
      count(next.value.length);
      yield next.value;
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}
