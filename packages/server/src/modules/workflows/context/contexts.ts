import { AppError, toAppError } from '../../../kernel/errors.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { addAssets, type Contents, deleteAssets, type NewAsset, readAsset } from '../../assets/index.ts';
import { contextErrors } from '../errors.ts';
import type { JsonObject } from '../model.ts';
import { contextBytes, textOf } from './bounds.ts';
import { type ContextPlace, findContextPlace, type StoredContext } from './store.ts';

export type ContextsOptions = {
  /** Writes for transactions that hold connections of callers: it must take its own from elsewhere. */
  contents: Pick<Contents, 'receive' | 'open' | 'giveUp'>;
  /** On the system handle. */
  statements<Result>(work: (tx: Tx) => Promise<Result>): Promise<Result>;
};

/** A run whose context is to be written. */
export type NewContext = {
  orgId: string;
  runId: string;
  maker: { kind: string; id: string };
  /** The asset that the row refers to so far. */
  before: string | null;
  context: JsonObject;
};

/** Where changed contexts are to be, by the ids of their runs; null is the row. */
export type Kept = ReadonlyMap<string, ContextPlace>;

/** Larger ones are kept as assets: a row that is rewritten with each step would be slow, and slow others. */
const MOST_INLINE_BYTES = 262_144;
/** Of the contexts that are kept in memory: the steps of a chain read the same again and again. */
const MOST_REMEMBERED_BYTES = 67_108_864;
/** Times that somebody may write a context between two looks at where it is. */
const MOST_LOOKS = 5;

/** Keeps the contexts of runs: small ones in their rows, large ones as assets of the organization. */
export class Contexts {
  readonly #options: ContextsOptions;
  /** By the ids of their assets, which never change; the one that was used last is last. */
  readonly #remembered = new Map<string, { context: JsonObject; bytes: number }>();
  #rememberedBytes = 0;

  constructor(options: ContextsOptions) {
    this.#options = options;
  }

  /**
   * The context of a run that is not locked: the one that is stored here, or a later one.
   * @throws AppError `unavailable` (`workflow_context.not_there`)
   */
  async load(run: { orgId: string; runId: string }, stored: StoredContext): Promise<JsonObject> {
    let at: StoredContext | null = stored;
    for (let look = 0; look < MOST_LOOKS && at !== null; look++) {
      const found = await this.#read(this.#options.statements, run.orgId, at);
      if (found !== null) return found;
      at = await this.#options.statements((tx) => findContextPlace(tx, run));
    }
    throw notThere();
  }

  /** The context of a run that this transaction has locked. @throws AppError `unavailable` (`workflow_context.not_there`) */
  async loadLocked(tx: Tx, orgId: string, stored: StoredContext): Promise<JsonObject> {
    const found = await this.#read((work) => work(tx), orgId, stored);
    if (found === null) throw notThere();
    return found;
  }

  /**
   * Makes assets of contexts that are too large for their rows. Their rows are to be written next, and `release` takes away
   * what was there before.
   * @throws AppError `too_large` (`workflow_context.no_room`), `unavailable` (`workflow_context.not_stored`)
   */
  async keep(tx: Tx, changed: readonly NewContext[]): Promise<{ kept: Kept; release(): Promise<void> }> {
    const kept = new Map<string, ContextPlace>(changed.map(({ runId }) => [runId, null]));
    const written = await this.#writeAll(changed.filter(({ context }) => contextBytes(context) > MOST_INLINE_BYTES));
    const ofOrganizations = [...Map.groupBy(changed, ({ orgId }) => orgId)].sort(([a], [b]) => (a < b ? -1 : 1));
    const replaced = ofOrganizations
      .map(([orgId, of]) => ({ orgId, assets: of.flatMap(({ before }) => before ?? []) }))
      .filter(({ assets }) => assets.length > 0);
    for (const [orgId] of ofOrganizations) {
      const files = written.filter(({ of }) => of.orgId === orgId);
      const assets = replaced.find((each) => each.orgId === orgId)?.assets ?? [];
      const ids = await addAssets(tx, orgId, files.map(toAsset), { replaced: assets });
      for (const [index, asset] of ids.entries()) {
        const { of, stored } = files[index] as Written;
        kept.set(of.runId, { asset, bytes: stored.sizeBytes });
        tx.onCommit(() => this.#remember(asset, of.context, stored.sizeBytes));
      }
    }
    return {
      kept,
      async release() {
        for (const { orgId, assets } of replaced) await deleteAssets(tx, orgId, assets);
      },
    };
  }

  /** Before anything is locked here that giving up would wait for. */
  async #writeAll(large: readonly NewContext[]): Promise<Written[]> {
    const written: Written[] = [];
    try {
      for (const of of large) written.push({ of, stored: await this.#write(of) });
      return written;
    } catch (thrown) {
      for (const { of, stored } of written) await this.#options.contents.giveUp(of.orgId, stored.object);
      throw notKept(thrown);
    }
  }

  #write({ orgId, context }: NewContext): ReturnType<Contents['receive']> {
    const text = Buffer.from(textOf(context));
    return this.#options.contents.receive(orgId, { bytes: once(text), sizeBytes: text.length, digests: [] });
  }

  /** Null where the asset is gone, or its content. */
  async #read(
    statements: <Result>(work: (tx: Tx) => Promise<Result>) => Promise<Result>,
    orgId: string,
    { context, asset }: StoredContext,
  ): Promise<JsonObject | null> {
    if (asset === null) return context;
    const known = this.#remembered.get(asset);
    if (known) {
      this.#remember(asset, known.context, known.bytes);
      return known.context;
    }
    const content = await statements((tx) => readAsset(tx, this.#options.contents, orgId, asset)).catch((thrown) => {
      throw isOurOwn(thrown) ? thrown : notThere(thrown);
    });
    if (content.length === 0) return null;
    const read = JSON.parse(content.toString('utf8')) as JsonObject;
    this.#remember(asset, read, content.length);
    return read;
  }

  #remember(asset: string, context: JsonObject, bytes: number): void {
    this.#forget(asset);
    this.#remembered.set(asset, { context, bytes });
    this.#rememberedBytes += bytes;
    for (const oldest of this.#remembered.keys()) {
      if (this.#rememberedBytes <= MOST_REMEMBERED_BYTES) break;
      this.#forget(oldest);
    }
  }

  #forget(asset: string): void {
    this.#rememberedBytes -= this.#remembered.get(asset)?.bytes ?? 0;
    this.#remembered.delete(asset);
  }
}

type Written = { of: NewContext; stored: Awaited<ReturnType<Contents['receive']>> };

const toAsset = ({ of: { runId, maker }, stored }: Written): NewAsset => ({
  ...stored,
  mediaType: 'application/json',
  filename: `context of run ${runId}.json`,
  createdBy: { kind: maker.kind, id: maker.id },
});

/** Our own database, and not the store of assets. */
const isOurOwn = (thrown: unknown): boolean => thrown instanceof AppError && thrown.code === 'database.unavailable';

function notKept(thrown: unknown): AppError {
  const { kind, message } = toAppError(thrown);
  if (isOurOwn(thrown)) return toAppError(thrown);
  if (kind === 'too_large') return contextErrors.no_room(`The context cannot be kept as an asset: ${message}`);
  const away = 'The context of the run is too large for the database, and the store of assets did not take it.';
  return contextErrors.not_stored(away, { cause: thrown });
}

const notThere = (cause?: unknown): AppError =>
  contextErrors.not_there('The context of the run is kept as an asset, and the store of assets did not give it.', {
    cause,
  });

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
