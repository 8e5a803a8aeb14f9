import { execFile, spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';

const run = promisify(execFile);
const words = (text: string): string[] => text.trim().split(/\s+/);

const COMMANDS = words('sh bash cat chmod cp find grep head id ls rm sleep tar true uname python3 gcc as ld');
const COMPILER_PARTS = words(`cc1 collect2 liblto_plugin.so libgcc.a libgcc_eh.a libgcc_s.so crtbegin.o crtbeginS.o
  crtend.o crtendS.o crt1.o Scrt1.o crti.o crtn.o libc.so libc_nonshared.a libm.so libmvec.so.1 libm.so.6 libc.so.6`);

/** A root file system made of this machine's own parts: a shell, Python, Node and a C compiler. */
export async function makeRootFileSystem(): Promise<AsyncDisposable & { archive(): Readable }> {
  const root = await mkdtemp(path.join(tmpdir(), 'assay-image-'));
  for (const name of ['tmp', 'proc', 'dev', 'sys', 'etc']) await mkdir(path.join(root, name));
  await chmod(path.join(root, 'tmp'), 0o1777);
  for (const name of ['bin', 'lib', 'lib64']) await symlink(`usr/${name}`, path.join(root, name));

  const programs = COMMANDS.map((name) => `/usr/bin/${name}`);
  const python = (await lines('/usr/bin/python3', ['-c', 'import os; print(os.path.dirname(os.__file__))']))[0] ?? '';
  const modules = await lines('find', [`${python}/lib-dynload`, '-name', '*.so']);
  const compiler = await Promise.all(
    COMPILER_PARTS.map(async (part) => (await gcc(`-print-file-name=${part}`))[0] ?? ''),
  );
  const programParts = compiler.filter((file) => /\/(?:cc1|collect2|liblto_plugin\.so)$/.test(file));
  const headers = words(
    (await gcc('-E', '-M', '-O2', '-include', 'stdio.h', '-include', 'stdlib.h', '-xc', '/dev/null')).join(' '),
  );
  const libraries = await sharedLibraries([...programs, ...modules, ...programParts, process.execPath]);

  const wanted = [...programs, ...compiler, ...headers, ...libraries].filter((file) => file.startsWith('/'));
  for (const file of new Set(wanted)) await copyInto(root, file, file);
  await copyInto(root, python, python);
  await copyInto(root, process.execPath, '/usr/bin/node');
  return {
    archive: () => spawn('tar', ['-c', '-C', root, '.'], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout,
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

async function lines(command: string, args: string[]): Promise<string[]> {
  const { stdout } = await run(command, args, { maxBuffer: 1 << 24 });
  return stdout
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
}

const gcc = (...args: string[]): Promise<string[]> => lines('gcc', args);

/** What the dynamic linker will look for, the linker itself among it. */
async function sharedLibraries(binaries: readonly string[]): Promise<string[]> {
  const found = await lines('ldd', [...binaries]);
  return [...new Set(found.flatMap((line) => /(?:^|=> )(\/\S+) \(/.exec(line)?.[1] ?? []))];
}

/** `/lib` and the like are links to their namesakes under `/usr`, here as in the image. */
async function copyInto(root: string, from: string, to: string): Promise<void> {
  const place = path.join(root, path.normalize(to).replace(/^\/(bin|lib|lib64)\//, '/usr/$1/'));
  await mkdir(path.dirname(place), { recursive: true });
  const filter = (file: string): boolean => !/\/(?:test|tests|__pycache__|idlelib|config-3[^/]*)$/.test(file);
  await cp(from, place, { dereference: true, recursive: true, filter });
}
