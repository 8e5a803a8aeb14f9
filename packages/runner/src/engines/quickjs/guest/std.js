import { halted } from './console.js';
import { getOwnPropertyDescriptor, indexOf, slice } from './pristine.js';

/** The part of the `std` module of the `qjs` command that a program without files and processes can have. */
export function makeStd(host, env, write) {
  let unread;
  const input = {
    readAsString() {
      const text = unread ?? host.readInput();
      unread = '';
      return text;
    },
    getline() {
      const text = input.readAsString();
      if (text === '') return null;
      const end = indexOf(text, '\n');
      unread = end === -1 ? '' : slice(text, end + 1);
      return end === -1 ? text : slice(text, 0, end);
    },
  };
  return {
    in: input,
    out: { puts: (text) => write(1, `${text}`), flush() {} },
    err: { puts: (text) => write(2, `${text}`), flush() {} },
    exit(code = 0) {
      host.exit(+code);
      halted();
    },
    getenv: (name) => getOwnPropertyDescriptor(env, name)?.value,
    getenviron: () => ({ ...env }),
    loadFile: (path, options) => host.readFile(`${path}`, options?.binary === true),
  };
}
