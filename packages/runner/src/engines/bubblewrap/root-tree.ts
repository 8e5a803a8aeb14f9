import { execFile } from 'node:child_process';
import { constants, existsSync, lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { copyFile, link, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Toolchain } from '../../languages/language.ts';

/** Where Node and the loaders are found inside a box. */
export const BOX_NODE = '/opt/node/bin/node';
export const BOX_LOADERS = '/opt/assay';

/** A directory that boxes see as `/`, read-only, and what is mounted into it from the machine. */
export type RootTree = {
  directory: string;
  /** Pairs of host path and path in the box, mounted read-only in every box. */
  mounts: readonly (readonly [string, string])[];
};

const TOP_DIRECTORIES = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const MOUNT_POINTS = ['usr', 'proc', 'dev', 'tmp', 'work', 'var', 'etc', `opt/node/bin`, 'opt/assay'];
const SETTINGS = ['/etc/ld.so.cache', '/etc/localtime'];
/** Debian chooses among commands through hundreds of links here: too many to copy at each start. */
const ALTERNATIVES = '/etc/alternatives';

const GENERATED: Readonly<Record<string, string>> = {
  'etc/passwd': 'box:x:65534:65534:box:/tmp:/bin/sh\n',
  'etc/group': 'box:x:65534:\n',
  'etc/hosts': '127.0.0.1 localhost box\n::1 localhost box\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\n',
};

/**
 * Builds the tree once, when the engine starts. One read-only mount of it replaces some fifteen steps that bubblewrap
 * would otherwise take for every box. `directory` must be new, and searchable by the users that boxes run as.
 */
export async function buildRootTree(directory: string, toolchains: readonly Toolchain[]): Promise<RootTree> {
  await rm(directory, { recursive: true, force: true });
  for (const path of MOUNT_POINTS) await mkdir(`${directory}/${path}`, { recursive: true });
  await symlink('/tmp', `${directory}/var/tmp`);
  const mounts: [string, string][] = [['/usr', '/usr'], ...(await topDirectories(directory))];
  await Promise.all([
    ...Object.entries(GENERATED).map(([path, text]) => writeFile(`${directory}/${path}`, text)),
    copySettings(settingsOf(toolchains), `${directory}/etc`),
    installLoaders(`${directory}${BOX_LOADERS}`, toolchains),
    installNode(`${directory}${BOX_NODE}`),
  ]);
  for (const path of [ALTERNATIVES, ...softwareOutsideUsr(toolchains)].filter((path) => existsSync(path))) {
    await mkdir(`${directory}${path}`, { recursive: true });
    mounts.push([path, path]);
  }
  return { directory, mounts };
}

/** `/bin` and its like: links into `/usr` on most machines, directories of their own on the others. */
async function topDirectories(directory: string): Promise<[string, string][]> {
  const mounts: [string, string][] = [];
  for (const name of TOP_DIRECTORIES) {
    const status = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (status?.isSymbolicLink()) await symlink(readlinkSync(`/${name}`), `${directory}/${name}`);
    if (!status?.isDirectory()) continue;
    await mkdir(`${directory}/${name}`);
    mounts.push([`/${name}`, `/${name}`]);
  }
  return mounts;
}

function settingsOf(toolchains: readonly Toolchain[]): string[] {
  const wanted = [...SETTINGS, ...toolchains.flatMap(({ language }) => language.settings ?? [])];
  const existing = wanted.flatMap((path) => {
    if (!path.endsWith('*')) return existsSync(path) ? [path] : [];
    const parent = dirname(path);
    const prefix = path.slice(parent.length + 1, -1);
    return readdirSync(parent).flatMap((name) => (name.startsWith(prefix) ? [`${parent}/${name}`] : []));
  });
  return [...new Set(existing)];
}

/**
 * Copied and not mounted: a mount for each would cost every box time, and these hardly change. `cp` takes 10 ms for
 * what `fs.cp` takes a second for.
 */
async function copySettings(paths: readonly string[], target: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', '--', ...paths, target], { env: {}, cwd: '/' });
}

/** A box has no way to read our own `node`, which may lie under a private home: it gets a link to it, or a copy. */
async function installNode(target: string): Promise<void> {
  try {
    await link(process.execPath, target);
  } catch {
    await copyFile(process.execPath, target, constants.COPYFILE_FICLONE);
  }
}

function softwareOutsideUsr(toolchains: readonly Toolchain[]): string[] {
  const tops = toolchains.flatMap(({ program }) => /^\/opt\/[^/]+/.exec(program)?.[0] ?? []);
  return [...new Set(tops)].filter((top) => statSync(top).isDirectory());
}

async function installLoaders(target: string, toolchains: readonly Toolchain[]): Promise<void> {
  const source = new URL('./loaders/', import.meta.url);
  for (const name of ['loader.pl', 'node-loader.cjs', 'exec-loader.cjs']) {
    await copyFile(new URL(name, source), `${target}/${name}`);
  }
  const python = toolchains.find(({ language }) => language.name === 'python');
  if (python) await installPythonLoader(source, target, python);
}

/** Python looks for user site packages under a directory named for its version; a `.pth` file there is imported. */
async function installPythonLoader(source: URL, target: string, { program, version }: Toolchain): Promise<void> {
  const directory = `${target}/python/lib/python${version.split('.').slice(0, 2).join('.')}/site-packages`;
  await mkdir(directory, { recursive: true });
  const files = ['assay_loader.py', 'assay_nursery.py'];
  for (const name of files) await copyFile(new URL(name, source), `${directory}/${name}`);
  await writeFile(`${directory}/assay.pth`, 'import assay_loader\n');
  await byteCompile(
    program,
    files.map((name) => `${directory}/${name}`),
  );
}

/** Boxes cannot write the compiled form beside the source, and compiling it takes them 3 ms each. */
async function byteCompile(python: string, files: readonly string[]): Promise<void> {
  await promisify(execFile)(python, ['-I', '-S', '-m', 'py_compile', ...files], { env: {}, cwd: '/' });
}
