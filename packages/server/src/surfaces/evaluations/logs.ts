import type { OutputChunk } from '../../modules/evaluations/index.ts';
import type { SseFrame } from '../http/sse.ts';
import { encodeLogs } from './codec.ts';

/** Reads `Last-Event-ID` of a log stream, `<stdout bytes>.<stderr bytes>`; from the start when there is none of ours. */
export function parseLogPosition(header: string | string[] | undefined): { stdout: number; stderr: number } {
  const match = /^(\d{1,12})\.(\d{1,12})$/.exec(typeof header === 'string' ? header : '');
  return { stdout: Number(match?.[1] ?? 0), stderr: Number(match?.[2] ?? 0) };
}

/** Output as server-sent events: `output` frames, then one `end` with the result. */
export async function* logFrames(id: string, chunks: AsyncIterable<OutputChunk>): AsyncGenerator<SseFrame> {
  for await (const chunk of chunks) {
    const position = `${chunk.stdout}.${chunk.stderr}`;
    if (chunk.kind === 'output') {
      yield { id: position, event: 'output', data: { eval_id: id, stream: chunk.stream, text: chunk.text } };
    } else {
      const { output: _output, error: _error, ...result } = encodeLogs(chunk.evaluation);
      yield {
        id: position,
        event: 'end',
        data: { ...result, reason: chunk.evaluation.reason, message: chunk.evaluation.message },
      };
    }
  }
}
