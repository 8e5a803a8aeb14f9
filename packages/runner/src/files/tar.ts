/** One regular file for an archive. */
export type TarFile = { path: string; content: Uint8Array; mode: number };

/** An entry of an archive that was read: what is not a regular file has no content. */
export type TarEntry = { path: string; kind: 'file' | 'directory' | 'other'; size: number };

const BLOCK = 512;
const NAME_BYTES = 100;
const USTAR_MAGIC = 'ustar\x0000';
/** Longer names than this are not paths but an attempt to make the reader hold memory. */
const MAX_EXTENSION_BYTES = 1 << 16;

/** An archive of regular files; folders are made by who unpacks it. */
export function packTar(files: readonly TarFile[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { path, content, mode } of files) {
    const name = Buffer.from(path, 'utf8');
    if (name.length > NAME_BYTES) {
      const record = paxRecord('path', path);
      blocks.push(header({ name: Buffer.from('long-name'), size: record.length, mode, type: 'x' }), padded(record));
    }
    blocks.push(header({ name: name.subarray(0, NAME_BYTES), size: content.length, mode, type: '0' }), padded(content));
  }
  blocks.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(blocks);
}

/**
 * Reads an archive made by a stranger, entry by entry. `wants` decides from the header whether the content is kept in
 * memory or passed over. Throws on what is not an archive.
 */
export async function* readTar(
  source: AsyncIterable<Buffer>,
  wants: (entry: TarEntry) => boolean,
): AsyncGenerator<{ entry: TarEntry; content: Buffer | null }> {
  const reader = new BlockReader(source);
  for (;;) {
    const entry = await readEntry(reader);
    if (!entry) return;
    const wanted = entry.kind === 'file' && wants(entry);
    const content = wanted ? await reader.takeContent(entry.size) : null;
    if (!content) await reader.skipContent(entry.size);
    yield { entry, content };
  }
}

/** The next entry, its long name read; undefined at the end of the archive. */
async function readEntry(reader: BlockReader): Promise<TarEntry | undefined> {
  let longPath: string | undefined;
  for (;;) {
    const head = await readHeader(reader);
    if (!head) return undefined;
    const type = String.fromCharCode(head[156] ?? 0);
    const size = parseNumber(head.subarray(124, 136));
    if (!'xgLK'.includes(type)) {
      const kind = kindOf(type);
      return { path: longPath ?? pathOf(head), kind, size: kind === 'file' ? size : 0 };
    }
    if (size > MAX_EXTENSION_BYTES) throw new Error('Not a sane tar archive: an extension header is too long.');
    longPath = longPathOf(type, await reader.takeContent(size)) ?? longPath;
  }
}

async function readHeader(reader: BlockReader): Promise<Buffer | undefined> {
  const head = await reader.take(BLOCK);
  if (!head || head.every((byte) => byte === 0)) return undefined;
  if (checksum(head) !== parseNumber(head.subarray(148, 156))) throw new Error('Not a tar archive: wrong checksum.');
  return head;
}

/** Takes exact amounts from pieces of any size. */
class BlockReader {
  readonly #source: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Undefined at the end of the source; throws when it ends inside what was asked for. */
  async take(size: number): Promise<Buffer | undefined> {
    const pieces = [this.#held];
    let have = this.#held.length;
    while (have < size) {
      const next = await this.#source.next();
      if (next.done) {
        if (have === 0) return undefined;
        throw new Error('The tar archive is cut short.');
      }
      pieces.push(next.value);
      have += next.value.length;
    }
    const all = pieces.length === 1 ? this.#held : Buffer.concat(pieces);
    this.#held = all.subarray(size);
    return all.subarray(0, size);
  }

  async takeContent(size: number): Promise<Buffer> {
    const whole = await this.take(roundUp(size));
    if (!whole) throw new Error('The tar archive is cut short.');
    return Buffer.from(whole.subarray(0, size));
  }

  async skipContent(size: number): Promise<void> {
    for (let left = roundUp(size); left > 0; left -= Math.min(left, BLOCK * 128)) {
      if (!(await this.take(Math.min(left, BLOCK * 128)))) throw new Error('The tar archive is cut short.');
    }
  }
}

function header(entry: { name: Buffer; size: number; mode: number; type: string }): Buffer {
  const block = Buffer.alloc(BLOCK);
  entry.name.copy(block, 0);
  writeOctal(block, entry.mode, 100, 8);
  writeOctal(block, 0, 108, 8);
  writeOctal(block, 0, 116, 8);
  writeOctal(block, entry.size, 124, 12);
  writeOctal(block, 0, 136, 12);
  block.write(entry.type, 156, 'latin1');
  block.write(USTAR_MAGIC, 257, 'latin1');
  writeOctal(block, checksum(block), 148, 7);
  block[155] = 0x20;
  return block;
}

function writeOctal(block: Buffer, value: number, offset: number, width: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), offset, 'latin1');
}

/** The sum of all bytes, the checksum's own field counted as spaces. */
function checksum(block: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK; at += 1) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  return sum;
}

/** Octal text, or big-endian binary for what is too large for it. */
function parseNumber(field: Buffer): number {
  const [first = 0] = field;
  let value = first & 0x7f;
  if ((first & 0x80) === 0) value = Number.parseInt(field.toString('latin1').replace(/[\0 ]+/g, '') || '0', 8);
  else for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value)) throw new Error('Not a tar archive: a number in a header is none.');
  return value;
}

function paxRecord(key: string, value: string): Buffer {
  const body = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(body);
  let length = bytes + String(bytes).length;
  if (bytes + String(length).length !== length) length = bytes + String(length).length;
  return Buffer.from(`${length}${body}`);
}

function longPathOf(type: string, extension: Buffer): string | undefined {
  if (type === 'L') return text(extension);
  if (type !== 'x') return undefined;
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(extension.toString('utf8'))?.[1];
}

function pathOf(head: Buffer): string {
  const prefix = head.toString('latin1', 257, 262) === 'ustar' && head[262] === 0 ? text(head.subarray(345, 500)) : '';
  const name = text(head.subarray(0, NAME_BYTES));
  return prefix === '' ? name : `${prefix}/${name}`;
}

function kindOf(type: string): TarEntry['kind'] {
  if (type === '0' || type === '\0' || type === '7') return 'file';
  return type === '5' ? 'directory' : 'other';
}

function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end === -1 ? field.length : end);
}

function padded(content: Uint8Array): Buffer {
  return Buffer.concat([content], roundUp(content.length));
}

function roundUp(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}
