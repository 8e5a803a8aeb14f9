import type { Sensitive } from '../../../kernel/sensitive.ts';
import type { Tx } from '../../../platform/db/index.ts';
import type { Call } from '../../../platform/operation.ts';
import type { Ledger } from '../../metering/index.ts';
import type { DataKeys, Place } from '../../vault/index.ts';
import { answerOf } from '../dialects/index.ts';
import type { CallBill, ChatAnswer, ChatCall, Piece, Served } from '../execution/model.ts';
import type { Planned } from '../execution/planner.ts';
import { type ChatEvent, type ChatResponse, NO_USAGE } from '../model.ts';
import { cacheRuleOf } from '../policies/model.ts';
import type { TokenLimits } from '../policies/token-limits.ts';
import { nameOf, questionOf } from './question.ts';
import { findAnswer, putAnswer } from './store.ts';
import { eventsOf } from './told-again.ts';

/** What a caller wants of a cache, as `Cache-Control` says it. */
export type Caching = { noCache: boolean; noStore: boolean; maxAgeSeconds: number | null };

/** Where the caller's surface looks for what the cache did; null where none is in use. */
export type CacheNotes = Pick<Call['notes'], 'cache'>;

export type AnswerCacheServices = {
  dataKeys: DataKeys;
  statements<Result>(orgId: string, work: (tx: Tx) => Promise<Result>): Promise<Result>;
  /** What names of answers are made with. */
  secret: Sensitive<Buffer>;
  ledger: Ledger;
  limits: TokenLimits;
  /** The cache could not be read or written: the call goes on without it. */
  onFailure(error: unknown): void;
};

/** An answer as it is kept, with who gave it: it is given again only to those who may ask them. */
type Kept = { providerId: string; model: string; answer: ChatResponse };
type Hit = { served: Served; answer: ChatResponse; ageSeconds: number };
type Entry = { orgId: string; key: Buffer; ttlSeconds: number };

/** Longer answers are rare, and cost more to keep than to make again. */
const MOST_BYTES = 256 * 1024;
/** What a cached answer is priced by. */
const PRICE_VERSION = 'cache';

/** Gives the answer again that the same question got before, where a policy says so. */
export class AnswerCache {
  readonly #services: AnswerCacheServices;

  constructor(services: AnswerCacheServices) {
    this.#services = services;
  }

  /**
   * Answers a call that is planned: from what is kept, else by asking.
   * @throws AppError for what refuses the call, asked or not
   */
  async through(call: ChatCall, plan: Planned, ask: () => Promise<ChatAnswer>): Promise<ChatAnswer> {
    const rule = cacheRuleOf(plan.applied);
    if (rule === null || rule.ttlSeconds === 0) return ask();
    const { noCache, noStore } = call.caching;
    const { orgId } = call.claims;
    const question = questionOf(call, rule);
    call.notes.cache = { status: 'bypass', ageSeconds: null };
    if (question === null) return ask();
    const entry = { orgId, key: nameOf(this.#services.secret.reveal(), orgId, question), ttlSeconds: rule.ttlSeconds };
    if (!noCache && !noStore) {
      const hit = await this.#find(entry, call.caching, plan.candidates);
      if (hit) return this.#tell(call, plan, hit);
      call.notes.cache = { status: 'miss', ageSeconds: null };
    }
    const answer = await ask();
    if (noStore) return answer;
    if (answer.kind === 'stream') return { ...answer, pieces: this.#keeping(entry, answer) };
    await this.#keep(entry, plan.candidates.find(isServedBy(answer.bill)), answer.answer);
    return answer;
  }

  async #find(
    { orgId, key, ttlSeconds }: Entry,
    { maxAgeSeconds }: Caching,
    candidates: readonly Served[],
  ): Promise<Hit | null> {
    const { statements, dataKeys, onFailure } = this.#services;
    try {
      const found = await statements(orgId, (tx) => findAnswer(tx, orgId, key));
      if (!found || found.ageSeconds > Math.min(ttlSeconds, maxAgeSeconds ?? ttlSeconds)) return null;
      const opened = await dataKeys.open(placeOf(orgId, key), found.sealed);
      const { providerId, model, answer } = JSON.parse(opened.toString('utf8')) as Kept;
      const served = candidates.find((each) => each.provider.id === providerId && each.model === model);
      return served ? { served, answer, ageSeconds: found.ageSeconds } : null;
    } catch (error) {
      onFailure(error);
      return null;
    }
  }

  /** Tells an answer again: admitted and recorded like any other, for nothing. */
  async #tell(call: ChatCall, plan: Planned, { served, answer, ageSeconds }: Hit): Promise<ChatAnswer> {
    const { ledger, limits } = this.#services;
    const taken = await limits.take(plan.applied, { input: plan.likelyInput, output: plan.maxTokens }, call.notes);
    taken?.used(0);
    const named = { provider: served.provider.name, model: served.model, priceVersion: PRICE_VERSION };
    const claims = { ...call.claims, ...named, isBatch: false };
    const fact = call.fact === undefined ? {} : { fact: call.fact };
    const hold = await ledger.reserve({ claims, amount: 0, ...fact, attached: call.attached });
    await hold.settle({ cost: 0, quantities: {}, outcome: 'completed' });
    call.notes.cache = { status: 'hit', ageSeconds };
    const { budgetLeft } = hold;
    const bill: CallBill = { ...named, usage: NO_USAGE, isEstimated: false, cost: 0, budgetLeft };
    if (!call.stream) return { kind: 'whole', raw: null, answer, bill };
    return { kind: 'stream', served, budgetLeft, pieces: toldAgain(answer), bill: Promise.resolve(bill) };
  }

  /** Passes a stream on, and keeps it once it was told to its end. */
  async *#keeping(
    entry: Entry,
    { served, pieces }: { served: Served; pieces: AsyncGenerator<Piece> },
  ): AsyncGenerator<Piece> {
    const events: ChatEvent[] = [];
    let bytes = 0;
    for await (const piece of pieces) {
      bytes += piece.events.reduce((sum, event) => sum + ('text' in event ? event.text.length : 0), 0);
      if (bytes <= MOST_BYTES) events.push(...piece.events);
      yield piece;
    }
    if (bytes <= MOST_BYTES) await this.#keep(entry, served, answerOf(events));
  }

  async #keep({ orgId, key, ttlSeconds }: Entry, served: Served | undefined, answer: ChatResponse): Promise<void> {
    if (!served || (answer.stopReason !== 'stop' && answer.stopReason !== 'tool_calls')) return;
    const kept: Kept = { providerId: served.provider.id, model: served.model, answer };
    const plain = Buffer.from(JSON.stringify(kept));
    if (plain.length > MOST_BYTES) return;
    const { statements, dataKeys, onFailure } = this.#services;
    try {
      const sealed = await dataKeys.seal(placeOf(orgId, key), plain);
      await statements(orgId, (tx) => putAnswer(tx, orgId, { key, sealed, ttlSeconds }));
    } catch (error) {
      onFailure(error);
    }
  }
}

const placeOf = (orgId: string, key: Buffer): Place => ({
  orgId,
  purpose: 'cached_answers',
  id: key.toString('hex'),
  version: 1,
});

const isServedBy =
  (bill: CallBill) =>
  ({ provider, model }: Served): boolean =>
    provider.name === bill.provider && model === bill.model;

async function* toldAgain(answer: ChatResponse): AsyncGenerator<Piece> {
  for (const event of eventsOf(answer)) yield { raw: null, events: [event] };
}
