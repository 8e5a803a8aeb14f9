import type { Readable } from 'node:stream';

/** Tells each line of a stream of text, without its end. What `readline` adds to that takes longer than what it does. */
export function onLine(stream: Readable, tell: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) tell(line);
  });
}
