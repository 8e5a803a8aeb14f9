/*
 * The part of WebAssembly that the interpreter's library names in its types. Node has it, yet its typings leave the
 * declaration to the DOM's, which would declare a browser for the whole package.
 */
// biome-ignore lint/style/noNamespace: the global is a namespace, and only a namespace can declare it.
declare namespace WebAssembly {
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  interface Module {
    readonly [Symbol.toStringTag]: 'WebAssembly.Module';
  }
  function compile(bytes: BufferSource): Promise<Module>;
}

type BufferSource = ArrayBufferView | ArrayBuffer;
