/** What a box is handed when its run begins: it starts before any of this is known. */
export type Parcel = {
  /** For a box that starts programs: program and arguments. For a pre-started interpreter: arguments only. */
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Written into the working directory, all executable. */
  files: readonly { path: string; content: Buffer | string }[];
};

/**
 * Encodes a parcel for a loader, which may be Perl, Python or JavaScript without libraries: a line of decimal numbers
 * (arguments, variables, files, then the size of each item), then the items: arguments, `NAME=value`, and path and
 * content of each file.
 */
export function encodeParcel({ argv, env, files }: Parcel): Buffer {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const items = [...argv, ...variables, ...files.flatMap(({ path, content }) => [path, content])].map((item) =>
    typeof item === 'string' ? Buffer.from(item) : item,
  );
  const counts = [argv.length, variables.length, files.length, ...items.map(({ length }) => length)];
  return Buffer.concat([Buffer.from(`${counts.join(' ')}\n`), ...items]);
}
