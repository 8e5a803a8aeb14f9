// Runs a WASI module (preview 1): its path and its arguments are ours. Whatever is wrong with the module itself ends us
// with 126, which means to a shell that something cannot be executed.
const { readFileSync } = require('node:fs');
const { env } = require('node:process');
const { WASI } = require('node:wasi');

const CANNOT_RUN = 126;
const [, path, ...args] = process.argv;

function refuse(reason) {
  process.stderr.write(`The module cannot be run: ${reason}\n`);
  process.exit(CANNOT_RUN);
}

function compiled() {
  try {
    return new WebAssembly.Module(readFileSync(path));
  } catch (error) {
    return refuse(error.message);
  }
}

const wasi = new WASI({
  version: 'preview1',
  args: ['module', ...args],
  env,
  preopens: { '/': process.cwd(), '.': process.cwd() },
});
const module_ = compiled();
const given = wasi.getImportObject();
for (const { module: from, name } of WebAssembly.Module.imports(module_))
  if (given[from]?.[name] === undefined) refuse(`it imports ${from}.${name}, which it is not given`);
const exported = WebAssembly.Module.exports(module_).map(({ name }) => name);
for (const name of ['_start', 'memory']) if (!exported.includes(name)) refuse(`it does not export ${name}`);

function instantiated() {
  try {
    return new WebAssembly.Instance(module_, given);
  } catch (error) {
    return refuse(error.message);
  }
}

process.exitCode = wasi.start(instantiated());
