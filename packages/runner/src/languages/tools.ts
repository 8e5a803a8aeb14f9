import { readFileSync } from 'node:fs';
import type { Language } from './language.ts';

/** Runs a module whose path and arguments follow it. */
const WASI_DRIVER = readFileSync(new URL('./wasi-driver.cjs', import.meta.url), 'utf8');

/** V8 maps 512 MB for machine code at once. */
const NODE_RESERVED_MB = 576;

/**
 * Programs that workflows may have run by themselves, without code: the plane makes their arguments. They are offered
 * beside the languages, under names that no language has, where the machine has the program.
 */
export const TOOLS: readonly Language[] = [
  {
    // Its filter is given as code: it is read from a file, so that no text of it is taken for an option.
    name: 'tool:jq',
    aliases: [],
    source: 'filter.jq',
    commands: ['jq'],
    version: { args: ['--version'], pattern: /jq-([\d.]+)/ },
    run: ({ program, work }) => [program, '-f', `${work}/filter.jq`],
  },
  {
    name: 'tool:git',
    aliases: [],
    source: null,
    commands: ['git'],
    version: { args: ['--version'], pattern: /version ([\d.]+)/ },
    environment: { GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0' },
    run: ({ program }) => [program],
  },
  {
    name: 'tool:ffmpeg',
    aliases: [],
    source: null,
    commands: ['ffmpeg'],
    version: { args: ['-version'], pattern: /version n?([\d.]+)/ },
    run: ({ program }) => [program, '-nostdin', '-hide_banner', '-loglevel', 'error', '-protocol_whitelist', 'file'],
  },
  {
    // Node's WASI keeps nobody in by itself: the sandbox does.
    name: 'tool:wasi',
    aliases: [],
    source: null,
    commands: [],
    version: { args: ['--version'], pattern: /v([\d.]+)/ },
    reservedMb: NODE_RESERVED_MB,
    run: ({ program, work }) => [
      program,
      '--disable-warning=ExperimentalWarning',
      '-e',
      WASI_DRIVER,
      '--',
      `${work}/module.wasm`,
    ],
  },
];
