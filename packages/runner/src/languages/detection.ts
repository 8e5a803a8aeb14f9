import { execFile } from 'node:child_process';
import { open, readdir, realpath } from 'node:fs/promises';
import { LANGUAGES } from './catalogue.ts';
import type { Language, RejectedProgram, Toolchain } from './language.ts';
import { TOOLS } from './tools.ts';

/** Trees that a box can show a program: they hold software and nobody's secrets. */
const SOFTWARE_TREES = ['/usr/', '/opt/'];
const SEARCH_PATH = ['/usr/local/bin', '/usr/bin', '/bin'];
/** Version managers put scripts of the program's name on the path; each start costs a shell and 100 ms. */
const SHIM = /pyenv|asdf|rbenv|nodenv|goenv|jenv|mise/;
const VERSION_TIMEOUT_MS = 5000;

export type DetectedLanguages = { toolchains: Toolchain[]; rejected: RejectedProgram[] };

/** Finds the languages and tools that this machine can run, by starting each program once to ask for its version. */
export async function detectLanguages(
  languages: readonly Language[] = [...LANGUAGES, ...TOOLS],
): Promise<DetectedLanguages> {
  const directories = [...SEARCH_PATH, ...(await optionalSoftware())];
  const found = await Promise.all(languages.map((language) => detectLanguage(language, directories)));
  return {
    toolchains: found.flatMap(({ toolchain }) => (toolchain ? [toolchain] : [])),
    rejected: found.flatMap(({ rejected }) => rejected),
  };
}

type Detected = { toolchain: Toolchain | undefined; rejected: RejectedProgram[] };

async function detectLanguage(language: Language, directories: readonly string[]): Promise<Detected> {
  if (language.commands.length === 0) {
    return { toolchain: { language, program: process.execPath, version: process.versions.node }, rejected: [] };
  }
  const rejected: RejectedProgram[] = [];
  for (const command of language.commands) {
    for (const directory of directories) {
      const path = `${directory}/${command}`;
      const program = await realpath(path).catch(() => undefined);
      if (program === undefined) continue;
      const reason = await unfit(program);
      const version = reason === undefined ? await askVersion(language, path) : undefined;
      if (version !== undefined) return { toolchain: { language, program: path, version }, rejected };
      rejected.push({ language: language.name, path, reason: reason ?? 'it does not tell its version' });
    }
  }
  return { toolchain: undefined, rejected };
}

async function optionalSoftware(): Promise<string[]> {
  const names = await readdir('/opt').catch(() => []);
  return names.map((name) => `/opt/${name}/bin`);
}

async function unfit(program: string): Promise<string | undefined> {
  if (!SOFTWARE_TREES.some((tree) => program.startsWith(tree))) {
    return `it leads to ${program}, outside /usr and /opt, which a box does not show`;
  }
  const head = await firstBytes(program);
  if (SHIM.test(program) || (head.startsWith('#!') && SHIM.test(head))) return 'it is the shim of a version manager';
  return undefined;
}

async function firstBytes(path: string): Promise<string> {
  await using file = await open(path, 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
  return buffer.toString('latin1', 0, bytesRead);
}

function askVersion({ version }: Language, program: string): Promise<string | undefined> {
  const environment = { PATH: SEARCH_PATH.join(':'), LANG: 'C.UTF-8', HOME: '/nonexistent' };
  return new Promise((resolve) => {
    execFile(
      program,
      [...version.args],
      { env: environment, timeout: VERSION_TIMEOUT_MS, killSignal: 'SIGKILL', cwd: '/' },
      (error, stdout, stderr) => resolve(error ? undefined : version.pattern.exec(`${stdout}\n${stderr}`)?.[1]),
    );
  });
}
