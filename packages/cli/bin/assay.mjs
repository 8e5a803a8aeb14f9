#!/usr/bin/env node
/*
 * Starts the command line on the Node that the lockfile brings. Plain JavaScript that Node 20 understands: the sources
 * are TypeScript, which only that newer one runs.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, realpathSync } from 'node:fs';
import module from 'node:module';
import { constants, homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NEEDED = 24;
const self = realpathSync(fileURLToPath(import.meta.url));

if (Number.parseInt(process.versions.node, 10) >= NEEDED) {
  // Stripping types takes longer than most commands: it is done once per file. A place of the user's own, since what is
  // kept there is run.
  module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'assay'));
  await import('../src/main.ts');
} else {
  const node = findNode();
  if (node === null) explain();
  else handOver(node, [self, ...process.argv.slice(2)]);
}

/** The Node of the nearest node_modules above this file; null when there is none that is new enough. */
function findNode() {
  const platform = process.platform === 'darwin' ? 'node-bin-darwin' : `node-${process.platform}`;
  const places = [`${platform}-${process.arch}/bin/node`, '.bin/node'];
  for (let folder = dirname(self); folder !== dirname(folder); folder = dirname(folder)) {
    for (const place of places) {
      const node = newEnough(join(folder, 'node_modules', place));
      if (node !== null) return node;
    }
  }
  return null;
}

/** @param {string} path */
function newEnough(path) {
  try {
    const node = realpathSync(path);
    const { version } = JSON.parse(readFileSync(join(dirname(node), '..', 'package.json'), 'utf8'));
    return Number.parseInt(version, 10) >= NEEDED ? node : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} node
 * @param {string[]} argv
 */
function handOver(node, argv) {
  if (process.execve) process.execve(node, [node, ...argv], process.env);
  const child = spawn(node, argv, { stdio: 'inherit' });
  // What a terminal sends (Ctrl-C) the child gets by itself: a second one would make a server drop its work.
  const fromTerminal = hasTerminal() ? ['SIGINT', 'SIGQUIT', 'SIGHUP'] : [];
  const signals = ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGUSR2'];
  for (const signal of signals) process.on(signal, () => !fromTerminal.includes(signal) && child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`assay: ${node} does not start: ${error.message}. Run npm ci to install it again.\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const each of signals) process.removeAllListeners(each);
    // Ends the way the child did, so that a shell sees the signal too.
    if (signal !== null) process.kill(process.pid, signal);
    process.exitCode = code ?? 128 + constants.signals[signal];
  });
}

function hasTerminal() {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

function explain() {
  const root = join(dirname(self), '..', '..', '..');
  process.stderr.write(
    `assay: this is Node ${process.versions.node}; Node ${NEEDED} or newer is needed, and ${root} has none of its own.\n` +
      `Run \`npm ci\` there (without --omit=optional): it brings Node ${NEEDED} for Linux. ` +
      `Elsewhere install Node ${NEEDED} and run this again.\n`,
  );
  process.exitCode = 1;
}
