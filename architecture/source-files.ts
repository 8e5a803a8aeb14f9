import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where the paths of `sourceFiles` start. */
export const REPOSITORY = fileURLToPath(new URL('..', import.meta.url));

/** A file of ours that a person wrote. */
export type SourceFile = { path: string; text: string; lines: number; isTest: boolean };

/** A comment that silences a tool, and what it says for itself. */
export type Suppression = { path: string; line: number; reason: string };

const FOLDERS = ['packages', 'acceptance', 'architecture', 'scripts', 'bench'];
const FOREIGN = /(^|\/)(node_modules|dist|gen)(\/|$)/;
const SUPPRESSION =
  /^\s*\{?(?:\/\/|\/\*)\s*(?:biome-ignore(?:-all|-start)?\s+[\w/]+|@ts-expect-error|@ts-ignore|@ts-nocheck)(.*)/;

/** Every TypeScript and JavaScript file of ours, tests included, in the order of their paths. */
export function sourceFiles(): SourceFile[] {
  const patterns = FOLDERS.map((folder) => `${folder}/**/*.{ts,tsx,mjs,cjs}`);
  return globSync(patterns, { cwd: REPOSITORY, exclude: (path) => FOREIGN.test(path) })
    .toSorted()
    .map((path) => {
      const text = readFileSync(`${REPOSITORY}${path}`, 'utf8');
      const isTest = /\.test\.tsx?$/.test(path) || /(^|\/)test\//.test(path) || path.startsWith('acceptance/');
      return { path, text, lines: text.split('\n').length - 1, isTest };
    });
}

/** The file's name without any of its extensions: `store` for `store.db.test.ts`. */
export function stem(path: string): string {
  return basename(path).replace(/\..*$/, '');
}

/** Every place where a tool is told to look away. */
export function suppressionsIn({ path, text }: Pick<SourceFile, 'path' | 'text'>): Suppression[] {
  return text.split('\n').flatMap((content, index) => {
    const match = SUPPRESSION.exec(content);
    return match ? [{ path, line: index + 1, reason: (match[1] ?? '').replace(/^[\s:—-]+|\s*\*\/\s*$/g, '') }] : [];
  });
}
