import { parentPort, workerData } from 'node:worker_threads';
import { Guest } from './guest.ts';
import { OutputChannel } from './output-channel.ts';
import type { Program, WorkerMessage, WorkerSetup } from './worker-messages.ts';

/*
 * The thread's side: takes a program, runs it in a fresh interpreter, says how it ended.
 */

// The library copies the stack of an error of the host into the program: without frames, it shows no paths of ours.
Error.stackTraceLimit = 0;

const setup = workerData as WorkerSetup;
const post = (message: WorkerMessage, transfer: ArrayBuffer[] = []) => parentPort?.postMessage(message, transfer);

parentPort?.on('message', async (program: Program) => {
  const control = new Int32Array(setup.control);
  const output = new OutputChannel(control, program.outputBytes, (stream, bytes) =>
    post({ type: 'output', stream, bytes }, [bytes.buffer]),
  );
  const end = await new Guest(program, output, control).run(setup);
  output.flush();
  post({ type: 'end', end });
});
post({ type: 'ready' });
