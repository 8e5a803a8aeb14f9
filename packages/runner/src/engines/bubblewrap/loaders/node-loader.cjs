'use strict';

/*
 * Holds Node just before it loads the main program until a parcel comes (see parcel.ts). Preloaded with `-r`, so Node
 * then opens the main program by itself: CommonJS, ES modules and TypeScript are decided as ever.
 */
const fs = require('node:fs');
const { isMainThread } = require('node:worker_threads');

delete require.cache[__filename];
// Threads of the program preload this too.
if (isMainThread) unpack();

function unpack() {
  // Compiling the TypeScript transform takes 20 ms and more; done here, it is done before anyone waits.
  if (process.argv[1]?.endsWith('.ts')) require('node:module').stripTypeScriptTypes('', { mode: 'transform' });
  fs.writeSync(6, 'ready\n');
  fs.closeSync(6);

  const decimals = [];
  for (let byte = take(1); byte[0] !== 10; byte = take(1)) decimals.push(byte[0]);
  const [argumentCount, variableCount, , ...sizes] = String.fromCharCode(...decimals)
    .split(' ')
    .map(Number);
  const items = sizes.map(take);
  fs.closeSync(3);

  process.argv.push(...items.slice(0, argumentCount).map(String));
  process.execArgv = process.execArgv.filter((argument) => argument !== '-r' && argument !== __filename);
  for (const pair of items.slice(argumentCount, argumentCount + variableCount).map(String)) {
    const at = pair.indexOf('=');
    process.env[pair.slice(0, at)] = pair.slice(at + 1);
  }
  const files = items.slice(argumentCount + variableCount);
  for (let at = 0; at < files.length; at += 2) write(String(files[at]), files[at + 1]);
}

function take(size) {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const count = fs.readSync(3, bytes, at, size - at, null);
    if (count === 0) process.exit(125);
    at += count;
  }
  return bytes;
}

function write(path, content) {
  try {
    const slash = path.lastIndexOf('/');
    if (slash > 0) fs.mkdirSync(path.slice(0, slash), { recursive: true });
    fs.writeFileSync(path, content, { mode: 0o755 });
  } catch (error) {
    fs.writeSync(2, `${path}: ${error.message}\n`);
    process.exit(125);
  }
}
