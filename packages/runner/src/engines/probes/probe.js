/*
 * The self-attack in JavaScript, for engines that run nothing else. Each attempt reports one line: its name, then
 * `held` or `LEAK`. An interpreter without a host has nothing to call; any that offers `require` or `process` is tried.
 */
const host = typeof require === 'function' ? require : globalThis.process?.getBuiltinModule;
const [attack, secretFile, reversedCanary, port, amount] = ARGUMENTS;

function attempt(name, action) {
  try {
    console.log(`${name} ${action() === false ? 'held' : 'LEAK'}`);
  } catch (error) {
    console.log(`${name} held ${error?.name}`);
  }
}

function module(name) {
  if (host === undefined) throw new Error('no host');
  return host(name);
}

function environment() {
  const fs = module('node:fs');
  const canary = [...reversedCanary].reverse().join('');
  return fs.readdirSync('/proc').some((process) => {
    try {
      return fs.readFileSync(`/proc/${process}/environ`, 'utf8').includes(canary);
    } catch {
      return false;
    }
  });
}

/** Connecting ends later than this program: whoever listens knows whether it came through. */
function network() {
  module('node:net')
    .connect(Number(port), '127.0.0.1')
    .on('error', () => undefined);
  return false;
}

function memory() {
  const blocks = [];
  for (let index = 0; index < Number(amount); index += 1) {
    const block = new Uint8Array(1 << 20);
    block.fill(index);
    blocks.push(block);
  }
}

function forks() {
  const { spawn } = module('node:child_process');
  const children = Array.from({ length: Number(amount) }, () => spawn('sleep', ['1']).on('error', () => undefined));
  return children.every(({ pid }) => pid !== undefined);
}

if (attack === 'reach') {
  attempt('file', () => module('node:fs').readFileSync(secretFile));
  attempt('environment', environment);
  attempt('network', network);
  attempt('core_pattern', () => module('node:fs').openSync('/proc/sys/kernel/core_pattern', 'w'));
} else {
  attempt(attack, attack === 'memory' ? memory : forks);
}
