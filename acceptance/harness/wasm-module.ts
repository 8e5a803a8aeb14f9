/* Small WebAssembly modules, put together byte by byte: there is no compiler for them on every machine. */

const unsigned = (value: number): number[] =>
  value < 128 ? [value] : [(value & 127) | 128, ...unsigned(Math.floor(value / 128))];
const vector = (items: readonly number[][]): number[] => [...unsigned(items.length), ...items.flat()];
const name = (text: string): number[] => vector([...Buffer.from(text)].map((byte) => [byte]));
const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];

const I32 = 0x7f;
const FUNCTION = 0x60;
const constant = (value: number): number[] => [0x41, ...signed(value)];
const signed = (value: number): number[] =>
  value >= -64 && value < 64 ? [value & 127] : [(value & 127) | 128, ...signed(value >> 7)];

export type ModuleOptions = {
  /** What it prints. */
  text?: string;
  exitCode?: number;
  /** A function that it wants and that WASI does not have. */
  imports?: string;
  /** What else it does, as instructions. */
  instructions?: readonly number[];
};

/** Instructions that never end. */
export const ENDLESS = [0x03, 0x40, 0x0c, 0x00, 0x0b] as const;
/** Takes 64 MiB and writes to all of it, again and again. */
export const GREEDY = [
  ...[0x03, 0x40],
  ...[...constant(0), ...constant(7), 0x3f, 0x00, ...constant(65_536), 0x6c, 0xfc, 0x0b, 0x00],
  ...[...constant(1024), 0x40, 0x00, 0x1a, 0x0c, 0x00],
  0x0b,
] as const;

/** A module that prints a text and ends with an exit code. */
export function wasmModule({ text = '', exitCode = 0, imports, instructions = [] }: ModuleOptions): Buffer {
  const bytes = [...Buffer.from(text)];
  const types = [
    [FUNCTION, ...vector([[I32], [I32], [I32], [I32]]), ...vector([[I32]])],
    [FUNCTION, ...vector([[I32]]), ...vector([])],
    [FUNCTION, ...vector([]), ...vector([])],
  ];
  const wasi = (what: string, type: number): number[] => [...name('wasi_snapshot_preview1'), ...name(what), 0, type];
  const imported = [wasi('fd_write', 0), wasi('proc_exit', 1)];
  if (imports !== undefined) imported.push([...name('env'), ...name(imports), 0, 2]);
  const body = [
    ...vector([]),
    // fd_write(1, vectors at 8, one of them, count at 0)
    ...[...constant(1), ...constant(8), ...constant(1), ...constant(0), 0x10, 0x00, 0x1a],
    ...instructions,
    ...[...constant(exitCode), 0x10, 0x01, 0x0b],
  ];
  const word = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, 0];
  const data = [...word(16), ...word(bytes.length), ...bytes];
  return Buffer.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, vector(types)),
    ...section(2, vector(imported)),
    ...section(3, vector([[2]])),
    ...section(5, vector([[0x00, 0x01]])),
    ...section(
      7,
      vector([
        [...name('memory'), 2, 0],
        [...name('_start'), 0, imported.length],
      ]),
    ),
    ...section(10, vector([[...unsigned(body.length), ...body]])),
    ...section(11, vector([[0, ...constant(8), 0x0b, ...vector(data.map((byte) => [byte]))]])),
  ]);
}
