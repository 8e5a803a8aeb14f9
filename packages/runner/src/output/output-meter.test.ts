import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { OutputSink } from '../engine.ts';
import { drain, OutputMeter } from './output-meter.ts';

function collecting(): OutputSink & { text: string } {
  return {
    text: '',
    write(stream, bytes) {
      this.text += `${stream}:${bytes.toString()} `;
    },
  };
}

test('both streams count against one limit, and what is past it is dropped', async () => {
  const sink = collecting();
  let overflows = 0;
  const meter = new OutputMeter({ limit: 5, sink, onOverflow: () => (overflows += 1) });
  await meter.take('stdout', Buffer.from('abc'));
  await meter.take('stderr', Buffer.from('defg'));
  await meter.take('stdout', Buffer.from('h'));
  expect(sink.text).toBe('stdout:abc stderr:de ');
  expect(meter.truncated).toBe(true);
  expect(meter.bytes).toBe(5);
  expect(overflows).toBe(1);
});

test('output of exactly the limit is not truncated', async () => {
  const meter = new OutputMeter({ limit: 3, sink: collecting(), onOverflow: () => expect.unreachable() });
  await meter.take('stdout', Buffer.from('abc'));
  expect(meter.truncated).toBe(false);
});

test('a pipe is not read on while the sink is busy', async () => {
  let release: () => void = () => undefined;
  const seen: string[] = [];
  const sink: OutputSink = {
    write: (_, bytes) => {
      seen.push(bytes.toString());
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    },
  };
  const meter = new OutputMeter({ limit: 100, sink, onOverflow: () => undefined });
  const pipe = new PassThrough();
  const drained = drain(pipe, (bytes) => meter.take('stdout', bytes));
  pipe.write('one');
  await expect.poll(() => seen).toEqual(['one']);
  pipe.end('two');
  expect(pipe.isPaused()).toBe(true);
  expect(seen).toEqual(['one']);
  release();
  await expect.poll(() => seen).toEqual(['one', 'two']);
  release();
  pipe.destroy();
  await drained;
});

test('a sink that fails does not stop the program from being read to its end', async () => {
  const failure = new Error('The plane went away.');
  const sink: OutputSink = { write: () => Promise.reject(failure) };
  const meter = new OutputMeter({ limit: 100, sink, onOverflow: () => undefined });
  await meter.take('stdout', Buffer.from('a'));
  await meter.take('stdout', Buffer.from('b'));
  expect(meter.failure).toBe(failure);
  expect(meter.bytes).toBe(2);
});
