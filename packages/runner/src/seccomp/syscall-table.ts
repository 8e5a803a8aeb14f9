/** System-call numbers of one architecture, by name. */
export type SyscallTable = ReadonlyMap<string, number>;

/** Reads `name:number` words separated by white space. */
export function parseSyscalls(words: string): SyscallTable {
  const table = new Map<string, number>();
  for (const word of words.trim().split(/\s+/)) {
    const [name = '', number = ''] = word.split(':');
    table.set(name, Number.parseInt(number, 10));
  }
  return table;
}
