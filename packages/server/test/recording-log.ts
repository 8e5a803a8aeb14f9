import type { ServerLog } from '../src/platform/embedded-postgres/server-log.ts';

/** One call of a log: its level, the fields and the text. */
export type LogRecord = { level: string; fields: object; text: string };

/** Makes a log that keeps what it is told. */
export function recordingLog(): ServerLog & { records: LogRecord[] } {
  const records: LogRecord[] = [];
  const at = (level: string) => (first: unknown, second?: unknown) => {
    const [fields, text] = typeof first === 'string' ? [{}, first] : [first as object, String(second)];
    records.push({ level, fields, text });
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), records };
}
