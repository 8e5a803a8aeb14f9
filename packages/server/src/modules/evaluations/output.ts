import type { Tx } from '../../platform/db/index.ts';
import type { Endings } from './endings.ts';
import { type Evaluation, isTerminal } from './model.ts';
import { PieceDecoder } from './output-text.ts';
import { findEvaluation, findOutputAfter } from './store.ts';

/** New output, or the end. Positions count bytes of each stream and say where to go on. */
export type OutputChunk =
  | { kind: 'output'; stream: 'stdout' | 'stderr'; text: string; stdout: number; stderr: number }
  | { kind: 'end'; evaluation: Evaluation; stdout: number; stderr: number };

export type FollowOptions = {
  id: string;
  orgId: string;
  stdout: number;
  stderr: number;
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  endings: Endings;
  /** The bytes of a stored file: output that was too long or not text is there whole. */
  readAsset(orgId: string, assetId: string): Promise<Buffer>;
  signal: AbortSignal;
};

/** How often a running evaluation is looked at for new output, milliseconds; runners send what they have every 100. */
const LOOK_MS = 100;

/** Gives the output of an evaluation in order, from the given positions to its end. */
export async function* followOutput(options: FollowOptions): AsyncGenerator<OutputChunk> {
  const { id, orgId, statements, endings, signal, readAsset } = options;
  const at = { stdout: options.stdout, stderr: options.stderr };
  const decoders = { stdout: new PieceDecoder(), stderr: new PieceDecoder() };
  while (!signal.aborted) {
    const ended = endings.wait(id, LOOK_MS, signal);
    // The state first: if it is terminal, its record has all output, and the pieces may be gone already.
    const evaluation = await statements(orgId, (tx) => findEvaluation(tx, orgId, id));
    if (!evaluation) return;
    if (isTerminal(evaluation.state)) {
      yield* remainder(evaluation, { at, decoders, readAsset });
      return;
    }
    for (const row of await statements(orgId, (tx) => findOutputAfter(tx, { orgId, id, ...at }))) {
      const fresh = row.bytes.subarray(Math.max(0, at[row.stream] - row.position));
      at[row.stream] = row.position + row.bytes.length;
      const text = decoders[row.stream].decode(fresh);
      if (text !== '') yield { kind: 'output', stream: row.stream, text, ...at };
    }
    await ended;
  }
}

/** What has arrived of a running evaluation's output, as text. */
export async function readPieces(tx: Tx, orgId: string, id: string): Promise<{ stdout: string; stderr: string }> {
  const joined = { stdout: '', stderr: '' };
  const at = { stdout: 0, stderr: 0 };
  const decoders = { stdout: new PieceDecoder(), stderr: new PieceDecoder() };
  for (;;) {
    const rows = await findOutputAfter(tx, { orgId, id, ...at });
    if (rows.length === 0) return joined;
    for (const { stream, position, bytes } of rows) {
      at[stream] = position + bytes.length;
      joined[stream] += decoders[stream].decode(bytes);
    }
  }
}

type Standing = Pick<FollowOptions, 'readAsset'> & {
  at: { stdout: number; stderr: number };
  decoders: { stdout: PieceDecoder; stderr: PieceDecoder };
};

/** What the record holds beyond what was sent, then the end. */
async function* remainder(evaluation: Evaluation, { at, decoders, readAsset }: Standing): AsyncGenerator<OutputChunk> {
  const kept = {
    stdout: { text: evaluation.output, assetId: evaluation.outputAssetId },
    stderr: { text: evaluation.error, assetId: evaluation.errorAssetId },
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    const { text, assetId } = kept[stream];
    const whole = assetId === null ? Buffer.from(text, 'utf8') : await readAsset(evaluation.orgId, assetId);
    const rest = whole.subarray(at[stream]);
    if (rest.length === 0) continue;
    at[stream] += rest.length;
    yield { kind: 'output', stream, text: decoders[stream].decode(rest), ...at };
  }
  yield { kind: 'end', evaluation, ...at };
}
