import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { generators } from './generators.mjs';

/** @typedef {import('./generators.mjs').Generator} Generator */

const ROOT = new URL('..', import.meta.url);

/**
 * The generators whose file is not what they render now, with what they render.
 *
 * @param {readonly Generator[]} all
 * @param {URL} root
 * @returns {Promise<{ path: string, content: string }[]>}
 */
export async function findStale(all, root) {
  const stale = [];
  for (const { path, render } of all) {
    const content = await render();
    const present = await readFile(new URL(path, root), 'utf8').catch(absentAsNull);
    if (present !== content) stale.push({ path, content });
  }
  return stale;
}

/** @param {NodeJS.ErrnoException} error */
function absentAsNull(error) {
  if (error.code === 'ENOENT') return null;
  throw error;
}

if (import.meta.main) {
  const stale = await findStale(generators, ROOT);
  if (process.argv.includes('--check')) {
    for (const { path } of stale) process.stderr.write(`${path} is out of date. Run npm run generate.\n`);
    process.exitCode = stale.length > 0 ? 1 : 0;
  } else {
    for (const { path, content } of stale) {
      await mkdir(new URL('.', new URL(path, ROOT)), { recursive: true });
      await writeFile(new URL(path, ROOT), content);
      process.stdout.write(`wrote ${fileURLToPath(new URL(path, ROOT))}\n`);
    }
  }
  process.stdout.write(`${generators.length} generated files, ${stale.length} were out of date\n`);
}
