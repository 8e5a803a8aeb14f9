declare module 'pg/lib/utils.js' {
  /** Turns a JavaScript value into what node-postgres binds: text, a buffer, or null. */
  const utils: { prepareValue(value: unknown): string | Buffer | null };
  // biome-ignore lint/style/noDefaultExport: that is how the module exports it.
  export default utils;
}
