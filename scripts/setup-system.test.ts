import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('setup-system.sh', import.meta.url));

/** What each package brings, as far as the script looks. */
const CONTENTS: Readonly<Record<string, readonly string[]>> = {
  bubblewrap: ['/usr/bin/bwrap'],
  'util-linux': ['/usr/bin/unshare', '/usr/bin/setpriv', '/usr/bin/prlimit'],
  'perl-base': ['/usr/bin/perl'],
  bash: ['/usr/bin/bash'],
  python3: ['/usr/bin/python3', '/usr/bin/pydoc3'],
  gcc: ['/usr/bin/gcc'],
  'g++': ['/usr/bin/g++'],
  'libc6-dev': ['/usr/include/stdio.h'],
};
const REQUIRED = Object.keys(CONTENTS);

/** A machine with these packages, whose `apt-get`, `sudo` and `id` are the shell lines given. */
class Machine {
  readonly root = mkdtempSync(join(tmpdir(), 'assay-setup-'));
  readonly #programs = join(this.root, 'programs');

  constructor(packages: readonly string[], programs: Readonly<Record<string, string>>) {
    for (const path of packages.flatMap((name) => CONTENTS[name] ?? [])) this.#write(join(this.root, path), '');
    const system = { env: 'exec /usr/bin/env "$@"', stat: 'exec /usr/bin/stat "$@"', grep: 'exec /bin/grep "$@"' };
    for (const [name, lines] of Object.entries({ ...system, sleep: ':', ...programs })) {
      this.#write(join(this.#programs, name), `#!/bin/sh\n${lines}\n`);
    }
  }

  #write(path: string, content: string): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    chmodSync(path, 0o755);
  }

  addPackageIndex(): void {
    this.#write(join(this.root, 'var/lib/apt/lists/debian_Packages'), '');
  }

  /** Locks the package index as apt-get does, in a process whose id is in the file `holder`. */
  async holdPackageIndex(): Promise<void> {
    const path = join(this.root, 'var/lib/apt/lists/lock');
    this.#write(path, '');
    const program =
      'import fcntl, sys; f = open(sys.argv[1], "w"); fcntl.lockf(f, fcntl.LOCK_EX); print(); sys.stdin.read()';
    const holder = spawn('/usr/bin/python3', ['-c', program, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    writeFileSync(join(this.root, 'holder'), `${holder.pid}\n`);
  }

  run(...argv: string[]): { status: number | null; stdout: string; stderr: string } {
    return spawnSync('/bin/sh', [SCRIPT, ...argv], {
      env: { PATH: this.#programs, ASSAY_SETUP_ROOT: this.root },
      encoding: 'utf8',
    });
  }

  /** The calls that reached apt-get, without the options every call has. */
  get aptCalls(): string[] {
    const log = join(this.root, 'apt.log');
    return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  }
}

const machines: Machine[] = [];
function machine(packages: readonly string[], programs: Readonly<Record<string, string>>): Machine {
  const made = new Machine(packages, programs);
  machines.push(made);
  return made;
}
afterEach(() => {
  for (const { root } of machines.splice(0)) rmSync(root, { recursive: true });
});

const AS_ROOT = { id: 'echo 0' };
const AS_USER = { id: 'echo 1000', sudo: 'echo "a password is required" >&2; exit 1' };
const ALL_BUT_BUBBLEWRAP = REQUIRED.filter((name) => name !== 'bubblewrap');

/** An apt-get that notes what it is asked, past the three words every call has, and then runs `effect`. */
const aptGet = (effect: string) => ({ 'apt-get': `shift 3; echo "$*" >> "$ASSAY_SETUP_ROOT/apt.log"; ${effect}` });
const BRINGS_BUBBLEWRAP = '/bin/cp "$0" "$ASSAY_SETUP_ROOT/usr/bin/bwrap"';
const INSTALL = 'install -y --no-install-recommends bubblewrap';

test('nothing is printed or run when nothing is missing', () => {
  const complete = machine(REQUIRED, { ...AS_ROOT, ...aptGet(':') });
  expect(complete.run()).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(complete.aptCalls).toEqual([]);
});

test('just what is missing is installed, and why is printed first', () => {
  const bare = machine(ALL_BUT_BUBBLEWRAP, { ...AS_ROOT, ...aptGet(BRINGS_BUBBLEWRAP) });
  bare.addPackageIndex();
  const { status, stdout } = bare.run();
  expect(status).toBe(0);
  expect(stdout).toContain('bubblewrap: the sandbox that untrusted code runs in');
  expect(bare.aptCalls).toEqual([INSTALL]);
});

test('a machine without a package index gets one first', () => {
  const bare = machine(ALL_BUT_BUBBLEWRAP, { ...AS_ROOT, ...aptGet(`[ $1 = update ] || ${BRINGS_BUBBLEWRAP}`) });
  expect(bare.run().status).toBe(0);
  expect(bare.aptCalls).toEqual(['update', INSTALL]);
});

test('an index that is out of date is updated, and the installation tried again', () => {
  const updated = '"$ASSAY_SETUP_ROOT/updated"';
  const effect = `if [ $1 = update ]; then echo > ${updated}; elif [ -e ${updated} ]; then ${BRINGS_BUBBLEWRAP}; else exit 100; fi`;
  const stale = machine(ALL_BUT_BUBBLEWRAP, { ...AS_ROOT, ...aptGet(effect) });
  stale.addPackageIndex();
  expect(stale.run().status).toBe(0);
  expect(stale.aptCalls).toEqual([INSTALL, 'update', INSTALL]);
});

test('a package index that another program holds is waited for', async () => {
  const releasesTheIndex = 'read -r pid < "$ASSAY_SETUP_ROOT/holder"; kill "$pid"; exec /bin/sleep 0.1';
  const busy = machine(ALL_BUT_BUBBLEWRAP, {
    ...AS_ROOT,
    ...aptGet(`[ $1 = update ] || ${BRINGS_BUBBLEWRAP}`),
    sleep: releasesTheIndex,
  });
  await busy.holdPackageIndex();
  const { status, stdout } = busy.run();
  expect(stdout).toContain('waiting for another apt-get to finish');
  expect(status).toBe(0);
  expect(busy.aptCalls).toEqual(['update', INSTALL]);
});

test('without the rights the command to run is printed, and the server may still start', () => {
  const locked = machine(ALL_BUT_BUBBLEWRAP, { ...AS_USER, ...aptGet(':') });
  const { status, stderr } = locked.run();
  expect(status).toBe(0);
  expect(stderr).toContain('sudo apt-get update && sudo apt-get install -y --no-install-recommends bubblewrap\n');
  expect(locked.aptCalls).toEqual([]);
});

test('without the rights the tests do not start', () => {
  const locked = machine(ALL_BUT_BUBBLEWRAP, { ...AS_USER, ...aptGet(':') });
  expect(locked.run('--with-tests').status).toBe(1);
});

test('a user who needs no password for sudo gets the packages through it', () => {
  const sudo = '[ "$1" = -n ] || exit 1; shift; [ "$1" = true ] || exec "$@"';
  const trusted = machine(ALL_BUT_BUBBLEWRAP, { id: 'echo 1000', sudo, ...aptGet(BRINGS_BUBBLEWRAP) });
  trusted.addPackageIndex();
  expect(trusted.run().status).toBe(0);
  expect(trusted.aptCalls).toEqual([INSTALL]);
});

test('a system without apt-get is told the names of the packages', () => {
  const { status, stdout, stderr } = machine([], AS_ROOT).run();
  expect(status).toBe(0);
  for (const name of REQUIRED) expect(stdout).toContain(`  ${name}: `);
  expect(stderr).toContain('with your package manager');
});

test('an installation that fails stops the tests, and not the server', () => {
  const offline = () => machine(ALL_BUT_BUBBLEWRAP, { ...AS_ROOT, ...aptGet('exit 100') });
  expect(offline().run().status).toBe(0);
  expect(offline().run('--with-tests')).toMatchObject({ status: 1 });
});

test('an installation that brings nothing is not taken for a success', () => {
  const { status, stderr } = machine(ALL_BUT_BUBBLEWRAP, { ...AS_ROOT, ...aptGet(':') }).run('--with-tests');
  expect(status).toBe(1);
  expect(stderr).toContain('still missing after the installation');
});

test('the minimal Python, without the standard library, is not enough', () => {
  const minimal = machine(REQUIRED, { ...AS_USER, ...aptGet(':') });
  rmSync(join(minimal.root, 'usr/bin/pydoc3'));
  expect(minimal.run().stdout).toContain('  python3: ');
});

test('more languages and the engines under test are asked for by option only', () => {
  const complete = machine(REQUIRED, { ...AS_USER, ...aptGet(':') });
  expect(complete.run('--with-languages').stdout).toMatch(/ruby.*php-cli.*golang-go.*rustc.*default-jdk-headless/s);
  expect(complete.run('--with-tests').stdout).toMatch(/docker\.io.*runsc.*chromium/s);
  expect(complete.run('--with-pleasure')).toMatchObject({ status: 64 });
});
