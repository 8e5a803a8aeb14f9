import type { Language, Place } from './language.ts';
import { TOOLS } from './tools.ts';

/** Heap for a JVM inside its memory limit: threads, code and class data need the rest. */
const JVM_HEAP_SHARE = 0.6;

const NODE_VERSION = { args: ['--version'], pattern: /v([\d.]+)/ };
/** Node's options for TypeScript that has more than types to erase: enums, namespaces, parameter properties. */
export const NODE_TYPESCRIPT = ['--experimental-transform-types', '--disable-warning=ExperimentalWarning'];

/** V8 maps 512 MB for machine code at once. */
const NODE_RESERVED_MB = 576;

const interpreted =
  (source: string) =>
  ({ work, program }: Place): readonly string[] => [program, `${work}/${source}`];

const compiled = ({ work }: Place): readonly string[] => [`${work}/main`];

/** Every language Assay knows. A machine offers those whose program it has. */
export const LANGUAGES: readonly Language[] = [
  {
    name: 'python',
    aliases: ['python3', 'py'],
    source: 'main.py',
    commands: ['python3'],
    version: { args: ['--version'], pattern: /Python ([\d.]+)/ },
    settings: ['/etc/python3*'],
    run: interpreted('main.py'),
  },
  {
    // Node decides by syntax whether the file is an ES module or CommonJS.
    name: 'javascript',
    aliases: ['js', 'node'],
    source: 'main.js',
    commands: [],
    version: NODE_VERSION,
    reservedMb: NODE_RESERVED_MB,
    run: interpreted('main.js'),
  },
  {
    name: 'typescript',
    aliases: ['ts'],
    source: 'main.ts',
    commands: [],
    version: NODE_VERSION,
    reservedMb: NODE_RESERVED_MB,
    run: ({ work, program }) => [program, ...NODE_TYPESCRIPT, `${work}/main.ts`],
  },
  {
    name: 'bash',
    aliases: ['sh', 'shell'],
    source: 'main.sh',
    commands: ['bash'],
    version: { args: ['--version'], pattern: /version ([\d.]+)/ },
    run: interpreted('main.sh'),
  },
  {
    name: 'c',
    aliases: [],
    source: 'main.c',
    commands: ['gcc', 'cc', 'clang'],
    version: { args: ['-dumpfullversion', '-dumpversion'], pattern: /([\d.]+)/ },
    compile: {
      argv: ({ program }) => [program, '-O2', '-pipe', '-o', 'main', 'main.c', '-lm'],
      artefacts: ['main'],
    },
    run: compiled,
  },
  {
    name: 'cpp',
    aliases: ['c++', 'cxx'],
    source: 'main.cpp',
    commands: ['g++', 'c++', 'clang++'],
    version: { args: ['-dumpfullversion', '-dumpversion'], pattern: /([\d.]+)/ },
    compile: {
      argv: ({ program }) => [program, '-O2', '-pipe', '-o', 'main', 'main.cpp'],
      artefacts: ['main'],
    },
    run: compiled,
  },
  {
    name: 'go',
    aliases: ['golang'],
    source: 'main.go',
    commands: ['go'],
    version: { args: ['version'], pattern: /go([\d.]+)/ },
    environment: {
      GOCACHE: '/tmp/go-build',
      GOPATH: '/tmp/go',
      GOPROXY: 'off',
      GOTOOLCHAIN: 'local',
      CGO_ENABLED: '0',
    },
    compile: { argv: ({ program }) => [program, 'build', '-o', 'main', 'main.go'], artefacts: ['main'] },
    run: compiled,
  },
  {
    name: 'rust',
    aliases: ['rs'],
    source: 'main.rs',
    commands: ['rustc'],
    version: { args: ['--version'], pattern: /rustc ([\d.]+)/ },
    compile: {
      argv: ({ program }) => [program, '--edition', '2021', '-C', 'opt-level=2', '-o', 'main', 'main.rs'],
      artefacts: ['main'],
    },
    run: compiled,
  },
  {
    // The launcher compiles the file in memory and takes its first class, whatever its name.
    name: 'java',
    aliases: [],
    source: 'Main.java',
    commands: ['java'],
    version: { args: ['-version'], pattern: /version "([\d._]+)/ },
    settings: ['/etc/java*'],
    run: ({ work, program, memoryMb }) => [
      program,
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      '-XX:-UsePerfData',
      '-Xshare:auto',
      `-Xmx${Math.max(16, Math.floor(memoryMb * JVM_HEAP_SHARE))}m`,
      `${work}/Main.java`,
    ],
  },
  {
    name: 'ruby',
    aliases: ['rb'],
    source: 'main.rb',
    commands: ['ruby'],
    version: { args: ['--version'], pattern: /ruby ([\d.]+)/ },
    run: interpreted('main.rb'),
  },
  {
    name: 'perl',
    aliases: ['pl'],
    source: 'main.pl',
    commands: ['perl'],
    version: { args: ['-e', 'printf "%vd", $^V'], pattern: /([\d.]+)/ },
    settings: ['/etc/perl'],
    run: interpreted('main.pl'),
  },
  {
    name: 'php',
    aliases: [],
    source: 'main.php',
    commands: ['php'],
    version: { args: ['--version'], pattern: /PHP ([\d.]+)/ },
    settings: ['/etc/php'],
    run: interpreted('main.php'),
  },
];

/** The language of this name or alias, or the tool of this name. */
export function findLanguage(name: string): Language | undefined {
  return [...LANGUAGES, ...TOOLS].find((language) => language.name === name || language.aliases.includes(name));
}
