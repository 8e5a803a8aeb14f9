import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

/** A throw-away workspace with this repository's manifests and dependencies, and none of its sources. */
export type PlantedTree = AsyncDisposable & { readonly root: string };

/** Makes a workspace that holds just `sources` (path → content), resolvable as the real one is. */
export async function plantTree(sources: Readonly<Record<string, string>>): Promise<PlantedTree> {
  const root = await mkdtemp(join(tmpdir(), 'assay-planted-'));
  const packages = await readdir(join(REPOSITORY, 'packages'));
  for (const name of packages) {
    await cp(join(REPOSITORY, 'packages', name, 'package.json'), join(root, 'packages', name, 'package.json'));
  }
  for (const file of ['package.json', 'tsconfig.base.json']) await cp(join(REPOSITORY, file), join(root, file));
  await linkDependencies(root, packages);
  for (const [path, content] of Object.entries(sources)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return { root, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

/** Installed packages are linked one by one: a link to the whole of node_modules would lead back to the real sources. */
async function linkDependencies(root: string, packages: readonly string[]): Promise<void> {
  await mkdir(join(root, 'node_modules', '@assay'), { recursive: true });
  for (const name of packages) await symlink(join(root, 'packages', name), join(root, 'node_modules', '@assay', name));
  for (const name of await readdir(join(REPOSITORY, 'node_modules'))) {
    if (name === '@assay' || name.startsWith('.')) continue;
    await symlink(join(REPOSITORY, 'node_modules', name), join(root, 'node_modules', name));
  }
}
