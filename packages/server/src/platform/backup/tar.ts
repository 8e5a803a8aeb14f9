/**
 * The tar format, as much as a backup needs: POSIX ustar with pax records for what ustar has no room for. Any tar
 * program opens the result; what is read here is our own archives and the ones that PostgreSQL sends.
 */

/** What a header says of an entry. `target` is set for a link. */
export type TarHeader = {
  path: string;
  kind: 'file' | 'directory' | 'link';
  mode: number;
  size: number;
  target: string;
};

/** An entry as it is read. Its content is consumed whole, or not at all and then skipped, before the next one comes. */
export type TarEntry = TarHeader & { content: AsyncGenerator<Buffer> };

const BLOCK = 512;
/** Two empty blocks end an archive. */
export const TAR_END = Buffer.alloc(2 * BLOCK);

const TYPE_OF_KIND = { file: '0', directory: '5', link: '2' } as const;
const KIND_OF_TYPE: Record<string, TarHeader['kind']> = { '0': 'file', '\0': 'file', '5': 'directory', '2': 'link' };
const PAX = 'x';
/** Eleven octal digits. */
const LARGEST_OCTAL = 0o77777777777;
/** A pax header holds two paths and a size; one larger than this is not ours, and would be read into memory. */
const PAX_LIMIT = 64 * 1024;

/** Encodes the header of an entry. Its content follows, then `tarPadding`. */
export function tarHeader(header: TarHeader): Buffer {
  const records: [string, string][] = [];
  if (Buffer.byteLength(header.path) > 100) records.push(['path', header.path]);
  if (Buffer.byteLength(header.target) > 100) records.push(['linkpath', header.target]);
  if (header.size > LARGEST_OCTAL) records.push(['size', String(header.size)]);
  const plain = block(header, TYPE_OF_KIND[header.kind]);
  if (records.length === 0) return plain;
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)));
  const pax = block({ ...header, path: 'pax', target: '', size: body.length }, PAX);
  return Buffer.concat([pax, body, tarPadding(body.length), plain]);
}

/** The zeros that fill up an entry's last block. */
export function tarPadding(size: number): Buffer {
  return Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);
}

/**
 * Reads the entries of an archive, up to its end mark or the end of the stream; the source is always read to its end.
 * @throws Error when it is not a tar archive, is cut off, or holds an entry that is neither file, directory nor link
 */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source);
  let pax = new Map<string, string>();
  for (;;) {
    const header = await bytes.take(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) break;
    const { entry, type } = parse(header, pax);
    if (type === PAX) {
      if (entry.size > PAX_LIMIT) throw new Error('The archive holds an oversized header.');
      pax = parsePax((await bytes.take(entry.size)) ?? Buffer.alloc(0));
      await bytes.take(tarPadding(entry.size).length);
      continue;
    }
    pax = new Map();
    const content = bytes.stream(entry.size);
    yield { ...entry, content };
    for await (const _skipped of content);
    await bytes.take(tarPadding(entry.size).length);
  }
  await bytes.drain();
}

function block(header: TarHeader, type: string): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  bytes.write(header.path, 0, 100);
  octal(bytes, header.mode & 0o7777, 100, 8);
  octal(bytes, 0, 108, 8);
  octal(bytes, 0, 116, 8);
  octal(bytes, Math.min(header.size, LARGEST_OCTAL), 124, 12);
  octal(bytes, 0, 136, 12);
  bytes.fill(' ', 148, 156);
  bytes.write(type, 156, 1);
  bytes.write(header.target, 157, 100);
  bytes.write('ustar\x0000', 257, 8);
  octal(bytes, checksum(bytes), 148, 8);
  return bytes;
}

function octal(bytes: Buffer, value: number, offset: number, length: number): void {
  bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, length);
}

function checksum(bytes: Buffer): number {
  return bytes.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 32 : byte), 0);
}

/** A record starts with its own length, digits included. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.from(`${length} ${key}=${value}\n`);
}

function parsePax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  let start = 0;
  while (start < body.length) {
    const length = Number.parseInt(body.subarray(start, start + 20).toString(), 10);
    if (!(length > 0)) throw new Error('The archive holds a malformed header.');
    const record = body.subarray(start, start + length - 1).toString();
    const [, key = '', value = ''] = /^\d+ ([^=]+)=([\s\S]*)$/.exec(record) ?? [];
    records.set(key, value);
    start += length;
  }
  return records;
}

function parse(bytes: Buffer, pax: Map<string, string>): { entry: TarHeader; type: string } {
  if (parseOctal(bytes, 148, 8) !== checksum(bytes))
    throw new Error('The archive holds a header with a wrong checksum.');
  const type = bytes.toString('latin1', 156, 157);
  const kind = type === PAX ? 'file' : KIND_OF_TYPE[type];
  if (kind === undefined) throw new Error(`The archive holds an entry of type "${type}", which is not supported.`);
  const prefix = text(bytes, 345, 155);
  const path = pax.get('path') ?? (prefix === '' ? '' : `${prefix}/`) + text(bytes, 0, 100);
  const size = kind === 'file' ? Number(pax.get('size') ?? parseSize(bytes)) : 0;
  if (!Number.isSafeInteger(size) || size < 0) throw new Error(`The archive gives no size for ${path}.`);
  const target = pax.get('linkpath') ?? text(bytes, 157, 100);
  return { entry: { path: path.replace(/\/$/, ''), kind, mode: parseOctal(bytes, 100, 8), size, target }, type };
}

/** Above eight gigabytes PostgreSQL writes a size as a binary number, marked by the top bit. */
function parseSize(bytes: Buffer): number {
  return (bytes[124] ?? 0) & 0x80 ? Number(bytes.readBigUInt64BE(128)) : parseOctal(bytes, 124, 12);
}

function parseOctal(bytes: Buffer, offset: number, length: number): number {
  return Number.parseInt(text(bytes, offset, length).trim(), 8);
}

function text(bytes: Buffer, offset: number, length: number): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? length : end).toString();
}

/** Takes a stream of chunks apart at other boundaries. */
class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #pending: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly so many bytes; undefined at the end of the stream. */
  async take(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    for await (const part of this.stream(count, true)) parts.push(part);
    return parts.length === 0 && count > 0 ? undefined : Buffer.concat(parts);
  }

  /** So many bytes in chunks, as they come. */
  async *stream(count: number, mayEnd = false): AsyncGenerator<Buffer> {
    let left = count;
    while (left > 0) {
      if (this.#pending.length === 0 && !(await this.#fill())) {
        if (mayEnd && left === count) return;
        throw new Error('The archive is cut off.');
      }
      const part = this.#pending.subarray(0, left);
      this.#pending = this.#pending.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async drain(): Promise<void> {
    while (await this.#fill());
  }

  async #fill(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done) return false;
    this.#pending = next.value;
    return true;
  }
}
