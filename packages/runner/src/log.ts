/** Writes one JSON line per event to standard error. */
export type Log = {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
  error(fields: object, text: string): void;
};

const write =
  (level: string) =>
  (fields: object, text: string): void => {
    process.stderr.write(`${JSON.stringify({ level, time: new Date().toISOString(), ...fields, msg: text })}\n`);
  };

export const log: Log = { info: write('info'), warn: write('warn'), error: write('error') };
