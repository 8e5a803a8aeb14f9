/** One call of a log: its level, the fields and the text. */
export type LogRecord = { level: string; fields: object; text: string };

type Write = (...said: [text: string] | [fields: object, text: string]) => void;

/** A log that keeps what it is told. */
export type RecordingLog = Record<'debug' | 'info' | 'warn' | 'error', Write> & { records: LogRecord[] };

/** Makes a log that keeps what it is told. */
export function recordingLog(): RecordingLog {
  const records: LogRecord[] = [];
  const at =
    (level: string): Write =>
    (...said) => {
      const [fields, text] = said.length === 2 ? said : [{}, said[0]];
      records.push({ level, fields, text });
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), records };
}
