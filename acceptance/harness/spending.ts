import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { controlRoutes } from '@assay/contract';
import fc from 'fast-check';
import type { z } from 'zod';
import type { CommitWatch } from './commit-watch.ts';
import { FAULTS, type FaultyProvider, PIECE, type Script, type Served } from './faulty-provider.ts';
import type { Server } from './server.ts';
import { addTenant, type Tenant } from './tenant.ts';
import { until } from './until.ts';

export type Record = z.output<
  (typeof controlRoutes.listUsageRecords.answers)[200]['schema']
>['data']['usage_records'][number];

type Event = { type?: string; choices?: { delta?: { content?: string } }[]; delta?: { text?: string } | string };
type Way = 'chat' | 'messages' | 'responses';
/** Wire formats of callers: where they ask, and what an event of the answer says. */
const WAYS: { [way in Way]: { path: string; text(event: Event): unknown } } = {
  chat: { path: '/v1/chat/completions', text: ({ choices }) => choices?.[0]?.delta?.content },
  messages: { path: '/v1/messages', text: ({ delta }) => typeof delta === 'object' && delta.text },
  responses: { path: '/v1/responses', text: ({ type, delta }) => type === 'response.output_text.delta' && delta },
};

/** Callers at once; two or three in ten are refused for want of money. */
const CALLERS = 96;
const KEYS = 3;
const PROJECT = 'everything';
/** Micro-dollars a token, in and out, at each of the two who have the model. */
const PRICES: { [provider: string]: { input: number; output: number } } = {
  first: { input: 2, output: 10 },
  second: { input: 3, output: 15 },
};

/** One in so many; null for the others. */
const sometimes = <Value>(oneIn: number, arbitrary: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> =>
  fc.oneof({ weight: oneIn - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const call = fc.record({
  way: fc.constantFrom<Way[]>('chat', 'messages', 'responses'),
  isStreamed: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  key: fc.nat(KEYS - 1),
  maxTokens: fc.integer({ min: 10, max: 40 }),
  /** Goes away by itself: after so many pieces, or so many milliseconds. */
  leavesAfterPieces: sometimes(3, fc.nat(30)),
  leavesAfterMs: sometimes(6, fc.integer({ min: 0, max: 3_000 })),
  startsAfterMs: fc.nat(150),
  script: fc.record<Script>({
    tries: fc.oneof(
      { weight: 3, arbitrary: fc.constant(['none'] as const) },
      { weight: 2, arbitrary: fc.array(fc.constantFrom(...FAULTS), { minLength: 1, maxLength: 3 }) },
    ),
    pieces: fc.integer({ min: 1, max: 50 }),
    paceMs: fc.integer({ min: 2, max: 40 }),
    input: fc.integer({ min: 1, max: 40 }),
  }),
});
export type Planned = typeof call extends fc.Arbitrary<infer Value> ? Value : never;
type Scenario = {
  calls: Planned[];
  after: Planned[];
  caps: { total: number; month: number; key: number };
  killedAfterPieces: number | null;
};
const scenario: fc.Arbitrary<Scenario> = fc.record({
  calls: fc.array(call, { minLength: CALLERS, maxLength: CALLERS }),
  /** Made once the server is back. */
  after: fc.array(call, { minLength: 8, maxLength: 8 }),
  caps: fc.record({
    total: fc.integer({ min: 25_000, max: 70_000 }),
    month: fc.integer({ min: 25_000, max: 70_000 }),
    key: fc.integer({ min: 8_000, max: 30_000 }),
  }),
  /** The server is killed once its providers have sent so many pieces; of one in eight it lives. */
  killedAfterPieces: fc.oneof({ weight: 7, arbitrary: fc.nat(1_200) }, { weight: 1, arbitrary: fc.constant(null) }),
});

/** What a seed stands for, the same each time. */
export const scenarioOf = (seed: number): Scenario => {
  const [made] = fc.sample(scenario, { seed, numRuns: 1 });
  if (!made) throw new Error('Nothing was made up.');
  return made;
};

/** How a call went, as its caller saw it. */
export type Seen = {
  id: string;
  planned: Planned;
  /** Null: no answer began. */
  status: number | null;
  pieces: number;
  /** A budget had no room for it. */
  isOverBudget: boolean;
};

/** An organization with a provider that fails, prices, keys and three budgets, each within the next. */
export class Spender {
  readonly tenant: Tenant;
  readonly budgets: { total: string; month: string; keys: string[] };
  readonly #server: Server;
  readonly #provider: FaultyProvider;
  readonly #keys: { id: string; secret: string }[];

  private constructor(
    services: { server: Server; provider: FaultyProvider },
    made: Pick<Spender, 'tenant' | 'budgets'> & { keys: { id: string; secret: string }[] },
  ) {
    this.#server = services.server;
    this.#provider = services.provider;
    this.tenant = made.tenant;
    this.budgets = made.budgets;
    this.#keys = made.keys;
  }

  static async create(
    services: { server: Server; provider: FaultyProvider },
    { name, caps }: { name: string; caps: Scenario['caps'] },
  ): Promise<Spender> {
    const { server, provider } = services;
    const tenant = await addTenant(server, name);
    const owner = server.as(tenant.apiKey);
    const add = async <Data>(method: string, path: string, body: object): Promise<Data> => {
      const answer = await owner.send(method, path, { body });
      if (answer.status >= 300) throw new Error(`${method} ${path} was answered with ${answer.status}: ${answer.text}`);
      return (answer.body as { data: Data }).data;
    };
    const models = [{ id: 'm' }];
    const addresses = { first: ['openai', '/openai/v1'], second: ['anthropic', '/anthropic'] } as const;
    for (const [provided, [kind, path]] of Object.entries(addresses)) {
      await add('POST', '/v1/providers', { name: provided, kind, base_url: provider.url + path, api_key: 'k', models });
      const { input, output } = PRICES[provided] ?? { input: 0, output: 0 };
      const rates = { input: input * 1_000_000, output: output * 1_000_000 };
      await add('PUT', `/v1/organizations/${tenant.orgId}/prices/${provided}/m`, { rates });
    }
    const budget = async (scope: object, period: string, limit: number): Promise<string> => {
      const body = { name: `${period} of ${JSON.stringify(scope)}`, scope, period, limit_micros: limit };
      return (await add<{ budget: { id: string } }>('POST', '/v1/budgets', body)).budget.id;
    };
    const total = await budget({ kind: 'organization' }, 'total', caps.total);
    const month = await budget({ kind: 'project', id: PROJECT }, 'month', caps.month);
    const keys: { id: string; secret: string }[] = [];
    const ofKeys: string[] = [];
    for (let at = 0; at < KEYS; at++) {
      const key = await server.sdk(tenant.apiKey).apiKeys.create({ name: `${at}`, scopes: ['providers:execute'] });
      keys.push({ id: key.api_key.id, secret: key.raw_key });
      ofKeys.push(await budget({ kind: 'key', id: key.api_key.id }, 'day', caps.key));
    }
    return new Spender(services, { tenant, budgets: { total, month, keys: ofKeys }, keys });
  }

  /** Makes calls all at once, and waits until each is over. */
  make(calls: readonly Planned[]): Promise<Seen[]> {
    return Promise.all(calls.map((planned) => this.#call(planned)));
  }

  /** Waits until nothing is set aside any more, and gives what was billed for each call. */
  settled(watch: CommitWatch): Promise<{ records: Map<string, Record>; spent: Map<string, number> }> {
    const { orgId, apiKey } = this.tenant;
    const look = async () => {
      const before = await watch.counters(orgId);
      const answer = await this.#server.as(apiKey).get(`/v1/organizations/${orgId}/usage/records?limit=200`);
      const after = await watch.counters(orgId);
      // A call whose caller left at once may still be on its way in: what was billed is read between two equal looks.
      const isStill = JSON.stringify([...before]) === JSON.stringify([...after]);
      if (!isStill || [...after.values()].some(({ reserved }) => reserved !== 0)) return null;
      const { usage_records } = (answer.body as { data: { usage_records: Record[] } }).data;
      return {
        records: new Map(usage_records.map((record) => [String(record.request_id), record])),
        spent: new Map([...after].map(([budget, { spent }]) => [budget, spent])),
      };
    };
    // A reservation that was committed behind the back of a dying process ends with its lease.
    return until('all is settled', look, 90_000);
  }

  keyOf({ planned }: Seen): string {
    return this.#keys[planned.key]?.id ?? '';
  }

  async #call(planned: Planned): Promise<Seen> {
    const id = randomUUID();
    const seen: Seen = { id, planned, status: null, pieces: 0, isOverBudget: false };
    this.#provider.expect(id, planned.script);
    await pause(planned.startsAfterMs);
    const leaving = new AbortController();
    const timer =
      planned.leavesAfterMs === null ? null : setTimeout(() => leaving.abort(), planned.leavesAfterMs).unref();
    // What never ends is left in the end.
    const patience = setTimeout(() => leaving.abort(), 4_000);
    try {
      await this.#ask(seen, leaving);
    } catch {
      // It left, or the server was killed: what was seen until then is what there is.
    } finally {
      clearTimeout(patience);
      if (timer) clearTimeout(timer);
    }
    return seen;
  }

  async #ask(seen: Seen, leaving: AbortController): Promise<void> {
    const { planned } = seen;
    const { path, text } = WAYS[planned.way];
    const answer = await fetch(this.#server.url + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.#keys[planned.key]?.secret}`,
        'content-type': 'application/json',
        'x-request-id': seen.id,
        'x-assay-project': PROJECT,
      },
      body: JSON.stringify(bodyOf(seen)),
      signal: leaving.signal,
    });
    seen.status = answer.status;
    if (answer.status !== 200 || !planned.isStreamed) {
      const said = await answer.text();
      seen.pieces = answer.status === 200 ? said.split(PIECE).length - 1 : 0;
      seen.isOverBudget = answer.status === 429 && /budget/.test(said);
      return;
    }
    let rest = '';
    for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
      const lines = (rest + Buffer.from(chunk).toString()).split('\n');
      rest = lines.pop() ?? '';
      const events = lines.flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6)) as Event] : []));
      seen.pieces += events.filter((event) => text(event) === PIECE).length;
      if (planned.leavesAfterPieces !== null && seen.pieces >= planned.leavesAfterPieces) return leaving.abort();
    }
  }
}

function bodyOf({ id, planned: { way, isStreamed, maxTokens } }: Seen): object {
  const said = `call ${id}.`;
  const messages = [{ role: 'user', content: said }];
  const head = { model: 'm', stream: isStreamed };
  if (way === 'responses') return { ...head, max_output_tokens: maxTokens, input: said };
  return { ...head, max_tokens: maxTokens, messages };
}

/** What is wrong with the bill of a call, by the rule of the guide; nothing if it is right. */
export function faultsOfBill(
  seen: Seen,
  of: { record: Record | undefined; served: Served; amount: number | undefined },
): string[] {
  const { record, served } = of;
  const { status } = seen;
  if (seen.isOverBudget && served.asked > 0) return ['it was refused, and somebody was asked'];
  if (!record) return status === 200 ? ['it was answered and not billed'] : [];
  if (status !== null && status !== 200) return [`it was answered with ${status} and billed`];
  return [...faultsOfCost(record, of.amount ?? 0), ...faultsOfCount(seen, record, served)];
}

function faultsOfCost(record: Record, amount: number): string[] {
  const price = PRICES[record.provider] ?? { input: 0, output: 0 };
  const cost = record.input_tokens * price.input + record.output_tokens * price.output;
  const billed = Math.min(cost, amount);
  return [
    ...(record.cost_micros === billed ? [] : [`${record.cost_micros} was billed for what costs ${cost} of ${amount}`]),
    ...(record.overrun_micros === cost - billed
      ? []
      : [`${record.overrun_micros} is told as overrun of ${cost - billed}`]),
  ];
}

function faultsOfCount({ planned, pieces: received }: Seen, record: Record, served: Served): string[] {
  const wrong: string[] = [];
  const holds = (isSo: boolean, otherwise: string): void => void (isSo || wrong.push(otherwise));
  const { counted } = served;
  // The same machine comes back, and its journal says what was delivered.
  const isKnown = record.outcome === 'lost' || (record.outcome === 'completed' && counted !== null);
  holds(!(isKnown && record.is_estimated), 'what is known is told as an estimate');
  if (record.outcome === 'completed') {
    // Who does not count is believed no more than was asked for.
    const output = counted?.output ?? Math.min(served.sent, planned.maxTokens);
    holds(record.output_tokens === output, `${record.output_tokens} tokens were billed for ${output}`);
    if (counted) holds(record.input_tokens === counted.input, `${record.input_tokens} went in for ${counted.input}`);
  } else {
    // Somewhere between what the caller has seen and what the provider sent; never more than was asked for. A provider
    // that tells its count while it goes on has told of one token before the first.
    const [least, most] = [received, Math.max(1, served.sent)].map((pieces) => Math.min(pieces, planned.maxTokens));
    const isTold = record.output_tokens === served.counted?.output;
    holds(
      isTold || (record.output_tokens >= (least ?? 0) && record.output_tokens <= (most ?? 0)),
      `${record.output_tokens} tokens were billed of between ${least} and ${most}`,
    );
  }
  return wrong;
}
