import pino from 'pino';

/** A logger of one subsystem. error: a human must act; warn: degraded; info: a state changed; debug: for one incident. */
export type Log = pino.Logger;

export type LogOptions = { level: string; format: 'json' | 'pretty' };

/** Credentials that may be in something logged by mistake, or be it. */
const CREDENTIALS = ['authorization', 'cookie', 'password', 'api_key', 'token', 'headers'];
const REDACTED = CREDENTIALS.flatMap((name) => [name, `*.${name}`]);

/** Makes the root logger. It writes to standard error: standard output belongs to results. */
export function createLog(options: LogOptions): Log {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[secret]' },
    serializers: { err: pino.stdSerializers.errWithCause },
  };
  const destination = options.format === 'pretty' ? new PlainLines() : pino.destination({ fd: 2, sync: true });
  return pino(settings, destination);
}

/** One readable line per event, for a terminal. */
class PlainLines {
  write(line: string): void {
    const { level, time, subsystem, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
    const about = subsystem === undefined ? '' : ` ${String(subsystem)}:`;
    const extra = Object.entries(rest)
      .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join('');
    const text = `${String(time).slice(11, 23)} ${String(level).padEnd(5)}${about} ${String(msg ?? '')}${extra}`;
    process.stderr.write(`${text.replace(/\p{Cc}/gu, escaped)}\n`);
  }
}

/** A control character, shown: what callers name must neither forge a line nor steer a terminal. */
const escaped = (character: string): string => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
