declare module 'pg/lib/utils.js' {
  /** Turns a JavaScript value into what node-postgres binds: text, a buffer, or null. */
  const utils: { prepareValue(value: unknown): string | Buffer | null };
  export default utils;
}
