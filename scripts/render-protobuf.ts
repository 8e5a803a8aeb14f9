import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CONTRACT = fileURLToPath(new URL('../packages/contract/', import.meta.url));
const GENERATED = 'src/gen';

const moduleOf = (proto: string): string => `${GENERATED}/${proto.replace(/\.proto$/, '_pb.ts')}`;

/** The modules that there are for the `.proto` files, from the folder of the contract. */
export const protobufModules = (): string[] =>
  globSync('**/*.proto', { cwd: join(CONTRACT, 'proto') })
    .toSorted()
    .map(moduleOf);

/** A generator for each of them. One run of buf serves all. */
export function protobufGenerators(): { path: string; render: () => Promise<string> }[] {
  let run: Promise<Map<string, string>> | null = null;
  return protobufModules().map((module) => ({
    path: `packages/contract/${module}`,
    async render() {
      run ??= generate();
      const content = (await run).get(module);
      if (content === undefined) throw new Error(`buf made no ${module}.`);
      return content;
    },
  }));
}

async function generate(): Promise<Map<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'assay-protobuf-'));
  try {
    await promisify(execFile)('buf', ['generate', '--output', folder], { cwd: CONTRACT });
    const contents = protobufModules().map(
      async (module): Promise<[string, string]> => [module, await readFile(join(folder, module), 'utf8')],
    );
    return new Map(await Promise.all(contents));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
