import { decodeOutput, OUTPUT_WINDOW_BYTES } from '@assay/contract/runner';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OutputRelay } from './output-relay.ts';

let frames: { stream: string; offset: number; text: string }[];
let relay: OutputRelay;
beforeEach(() => {
  vi.useFakeTimers();
  frames = [];
  relay = new OutputRelay({
    leaseId: 'lease-1',
    fence: 7,
    send: (frame) => {
      const { leaseId, fence, stream, offset, bytes } = decodeOutput(frame);
      expect({ leaseId, fence }).toEqual({ leaseId: 'lease-1', fence: 7 });
      frames.push({ stream, offset, text: Buffer.from(bytes).toString() });
    },
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const write = (text: string, stream: 'stdout' | 'stderr' = 'stdout') => void relay.write(stream, Buffer.from(text));
const fillWindow = async () => relay.write('stdout', Buffer.alloc(OUTPUT_WINDOW_BYTES));

test('a short run sends no frame: its output is left for the result', () => {
  write('hello ');
  write('world');
  write('oops', 'stderr');
  const { stdout, stderr } = relay.close();
  vi.advanceTimersByTime(1000);
  expect(frames).toEqual([]);
  expect([stdout.tail.toString(), stdout.bytes]).toEqual(['hello world', 11]);
  expect([stderr.tail.toString(), stderr.bytes]).toEqual(['oops', 4]);
});

test('what gathers for a while goes out in one frame for each stream', () => {
  write('a');
  vi.advanceTimersByTime(60);
  write('b');
  write('c', 'stderr');
  vi.advanceTimersByTime(60);
  expect(frames).toEqual([
    { stream: 'stdout', offset: 0, text: 'ab' },
    { stream: 'stderr', offset: 0, text: 'c' },
  ]);
});

test('much output goes out at once, with the place of each piece', () => {
  write('x'.repeat(40_000));
  write('y'.repeat(40_000));
  write('z');
  expect(frames.map(({ offset, text }) => [offset, text.length])).toEqual([
    [0, 40_000],
    [40_000, 40_000],
  ]);
  expect(relay.close().stdout).toMatchObject({ bytes: 80_001 });
});

test('the program is held while too much is unacknowledged, and let go when it is', async () => {
  let held = true;
  void fillWindow().then(() => {
    held = false;
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect(held).toBe(true);
  relay.acknowledge({ stdout: 1, stderr: 0 });
  await vi.advanceTimersByTimeAsync(0);
  expect(held).toBe(false);
});

test('after a new connection, what is not acknowledged is sent again, in order and no more', () => {
  write('x'.repeat(33_000));
  write('y'.repeat(33_000));
  relay.acknowledge({ stdout: 33_000, stderr: 0 });
  frames = [];
  relay.resend();
  expect(frames.map(({ offset, text }) => [offset, text[0]])).toEqual([[33_000, 'y']]);
});

test('a late acknowledgement takes nothing back', () => {
  write('x'.repeat(33_000));
  relay.acknowledge({ stdout: 33_000, stderr: 0 });
  relay.acknowledge({ stdout: 10, stderr: 0 });
  frames = [];
  relay.resend();
  expect(frames).toEqual([]);
});

test('a run that is being ended does not wait for anybody', async () => {
  const fill = fillWindow();
  relay.release();
  await expect(fill).resolves.toBeUndefined();
});
