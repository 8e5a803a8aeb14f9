import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  type Hello,
  type Lease,
  PlaneMessage,
  RUNNER_PATH,
  RUNNER_PROTOCOL,
  type RunnerMessage,
} from '@assay/contract/runner';
import { WebSocket } from 'ws';

/** The output of every program that it is given. */
const SAID = 'hi\n';

export type StandInOptions = {
  /** Where the control plane listens. */
  url: string;
  token: string;
  slots: number;
  /** `at once`: it reports a good end of whatever it gets. `never`: it holds what it gets, and takes nothing more. */
  finishes: 'at once' | 'never';
};

/**
 * A runner that runs nothing: it speaks the protocol and takes next to no CPU time, so that what is measured is the
 * control plane alone. Disposing it leaves.
 */
export async function connectStandIn({ url, token, slots, finishes }: StandInOptions): Promise<AsyncDisposable> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${RUNNER_PATH}`, {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  const say = (message: RunnerMessage): void => socket.send(JSON.stringify(message));
  const welcomed = new Promise<void>((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      const message = PlaneMessage.parse(JSON.parse(String(data)));
      if (message.type === 'welcome') resolve();
      if (message.type === 'lease' && finishes === 'at once') say(goodEnd(message));
    });
  });
  await once(socket, 'open');
  say(hello(slots));
  await welcomed;
  return {
    async [Symbol.asyncDispose]() {
      const gone = once(socket, 'close');
      socket.close();
      await gone;
    },
  };
}

const hello = (slots: number): Hello => ({
  type: 'hello',
  protocol: RUNNER_PROTOCOL,
  runner_id: randomUUID(),
  name: 'stand-in',
  version: '0',
  slots,
  engines: [{ engine: 'bubblewrap', level: 'strong', version: '0', languages: ['python'], auto: true, missing: [] }],
  refused: [],
  languages: [{ language: 'python', version: '0', compiled: false }],
  held: [],
});

const goodEnd = ({ lease_id, fence }: Lease): RunnerMessage => ({
  type: 'result',
  lease_id,
  fence,
  reason: 'ok',
  message: '',
  exit_code: 0,
  signal: null,
  stdout_tail: Buffer.from(SAID).toString('base64'),
  stderr_tail: '',
  stdout_bytes: SAID.length,
  stderr_bytes: 0,
  output_truncated: false,
  runtime_ms: 1,
  compile_ms: null,
  cpu_ms: 1,
  memory_peak_mb: 1,
  files: [],
  files_skipped: [],
  receipt: null,
});
