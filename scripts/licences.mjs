import { existsSync, readFileSync } from 'node:fs';

/**
 * What our own licence, Apache-2.0, may be handed on with without a duty beyond naming the authors. Whatever is not
 * listed is refused: copyleft, source-available, and what says nothing at all.
 */
const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'PostgreSQL',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** @typedef {{ name: string, version: string, licence: string }} Dependency */
/** @typedef {{ version?: string, license?: string, dev?: boolean, link?: boolean }} LockEntry */

/**
 * The third-party packages that ship with the product, as the lockfile in `root` names them: for every platform,
 * without what only development needs.
 *
 * @param {URL} root
 * @returns {Dependency[]}
 */
export function productionDependencies(root) {
  const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'));
  /** @type {[string, LockEntry][]} */
  const entries = Object.entries(lock.packages);
  return entries
    .filter(([path, entry]) => path.includes('node_modules/') && !entry.link && !entry.dev)
    .map(([path, entry]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: entry.version ?? '',
      licence: entry.license ?? licenceInManifest(new URL(`${path}/package.json`, root)),
    }));
}

/**
 * The lockfile knows just today's `license` field; some old packages still have the list that came before it.
 *
 * @param {URL} manifest
 */
function licenceInManifest(manifest) {
  if (!existsSync(manifest)) return '';
  /** @type {{ type: string }[]} */
  const licences = JSON.parse(readFileSync(manifest, 'utf8')).licenses ?? [];
  return licences.map(({ type }) => type).join(' OR ');
}

/**
 * Whether an SPDX expression lets us ship the package: all parts of an AND, and one part of an OR, are permissive.
 *
 * @param {string} licence
 */
export function isPermissive(licence) {
  // Only the outer pair of parentheses goes: a part that keeps one is listed nowhere, so what nests is refused.
  const expression = licence.replace(/^\((.*)\)$/, '$1');
  return expression.split(' OR ').some((choice) => choice.split(' AND ').every((part) => PERMISSIVE.has(part.trim())));
}

if (import.meta.main) {
  const dependencies = productionDependencies(new URL('..', import.meta.url));
  for (const { name, version, licence } of dependencies.toSorted((a, b) => a.name.localeCompare(b.name))) {
    process.stdout.write(`${licence.padEnd(16)} ${name} ${version}${isPermissive(licence) ? '' : '   REFUSED'}\n`);
  }
  const refused = dependencies.filter(({ licence }) => !isPermissive(licence));
  process.stdout.write(`${dependencies.length} dependencies, ${refused.length} refused\n`);
  process.exitCode = refused.length > 0 ? 1 : 0;
}
