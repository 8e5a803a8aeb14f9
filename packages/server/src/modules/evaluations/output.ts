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

/** Gives the output of an evaluation in order, from the given positions to its end. A new attempt begins anew. */
export async function* followOutput(options: FollowOptions): AsyncGenerator<OutputChunk> {
  const { id, orgId, statements, endings, signal, readAsset } = options;
  let standing = new Standing(options);
  let attempt = 0;
  while (!signal.aborted) {
    const ended = endings.wait(id, LOOK_MS, signal);
    // The state first: if it is terminal, its record has all output, and the pieces may be gone already.
    const evaluation = await statements(orgId, (tx) => findEvaluation(tx, orgId, id));
    if (!evaluation) return;
    if (attempt !== 0 && evaluation.attempt !== attempt) standing = new Standing({ stdout: 0, stderr: 0 });
    attempt = evaluation.attempt;
    if (isTerminal(evaluation.state)) {
      yield* remainder(evaluation, standing, readAsset);
      return;
    }
    for (const row of await statements(orgId, (tx) => findOutputAfter(tx, { orgId, id, ...standing.read }))) {
      const text = standing.take(row.stream, row.position, row.bytes);
      if (text !== '') yield { kind: 'output', stream: row.stream, text, ...standing.told };
    }
    await ended;
  }
}

/** How far a follower has come. What was read and what was told differ by a character that is not whole yet. */
class Standing {
  readonly read: { stdout: number; stderr: number };
  readonly decoders = { stdout: new PieceDecoder(), stderr: new PieceDecoder() };

  constructor({ stdout, stderr }: { stdout: number; stderr: number }) {
    this.read = { stdout, stderr };
  }

  get told(): { stdout: number; stderr: number } {
    return {
      stdout: this.read.stdout - this.decoders.stdout.pending,
      stderr: this.read.stderr - this.decoders.stderr.pending,
    };
  }

  /** Takes bytes that start at a position; what was read before is left out. */
  take(stream: 'stdout' | 'stderr', position: number, bytes: Buffer): string {
    const fresh = bytes.subarray(Math.max(0, this.read[stream] - position));
    this.read[stream] = position + bytes.length;
    return this.decoders[stream].decode(fresh);
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

/** What the record holds beyond what was sent, then the end. */
async function* remainder(
  evaluation: Evaluation,
  standing: Standing,
  readAsset: FollowOptions['readAsset'],
): AsyncGenerator<OutputChunk> {
  const kept = {
    stdout: { text: evaluation.output, assetId: evaluation.outputAssetId },
    stderr: { text: evaluation.error, assetId: evaluation.errorAssetId },
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    const { text, assetId } = kept[stream];
    const whole = assetId === null ? Buffer.from(text, 'utf8') : await readAsset(evaluation.orgId, assetId);
    const rest = standing.take(stream, 0, whole) + standing.decoders[stream].end();
    if (rest !== '') yield { kind: 'output', stream, text: rest, ...standing.told };
  }
  yield { kind: 'end', evaluation, ...standing.told };
}
