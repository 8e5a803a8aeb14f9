import { anthropicMessages } from '../dialects/client-dialects.ts';
import { isObject, type JsonObject } from '../dialects/json-reader.ts';
import type { Subjects } from '../policies/model.ts';
import type { InputCount } from '../tokens/input-count.ts';
import { ANTHROPIC_VERSION, baseUrlOf } from '../upstream/endpoints.ts';
import { type ProviderClient, wholeAnswer } from '../upstream/provider-client.ts';
import { toRefusal, UpstreamError } from '../upstream/upstream-error.ts';
import { type ProviderAccess, withQuery } from './access.ts';
import type { Served } from './model.ts';
import { demandOfChat, type Planner } from './planner.ts';

export type CounterServices = { planner: Planner; access: ProviderAccess; client: ProviderClient };

/** A request in Anthropic's words whose tokens are asked for. */
export type CountCall = {
  by: Subjects;
  /** Who would be asked, where the caller says. */
  provider: string | null;
  body: JsonObject;
  /** Headers of the caller's that Anthropic understands. */
  passedOn: Record<string, string>;
  signal: AbortSignal;
};

export type TokenCount = { tokens: number; countedBy: InputCount['countedBy'] | 'provider' };

/** Who asks wants to know before it makes a call that takes longer. */
const DEADLINE_MS = 10_000;

/** Counts the tokens of a request for the model that would answer it. */
export class TokenCounter {
  readonly #services: CounterServices;

  constructor(services: CounterServices) {
    this.#services = services;
  }

  /**
   * Anthropic counts for its own models, and takes nothing for it; for others, and while it does not answer, we do.
   * @throws AppError `invalid` when nobody has the model, and for what Anthropic refuses to count
   */
  async count(call: CountCall): Promise<TokenCount> {
    // The one field that a call needs and a count must not have.
    const body = { ...call.body, max_tokens: 1 };
    const { model, maxTokens, needs } = anthropicMessages.head(body);
    const wish = { provider: call.provider, model, tier: null, needs };
    const demand = demandOfChat({ wish, asked: { dialect: anthropicMessages, body, raw: null }, maxTokens }, call.by);
    const [served] = (await this.#services.planner.plan(demand)).candidates;
    if (!served) throw new Error('A route without candidates.');
    const told = served.provider.kind === 'anthropic' ? await this.#ask(served, call) : null;
    if (told !== null) return { tokens: told, countedBy: 'provider' };
    const { likely, countedBy } = await demand.countFor(served.model);
    return { tokens: likely, countedBy };
  }

  /** Null when it does not answer now. */
  async #ask({ provider, model }: Served, { body, passedOn, signal }: CountCall): Promise<number | null> {
    const { client, access } = this.#services;
    const address = `${baseUrlOf('anthropic', provider.baseUrl, provider.config)}/v1/messages/count_tokens`;
    try {
      const answer = await access.letIn(provider, (authorization) => {
        const headers = { ...authorization.headers, 'anthropic-version': ANTHROPIC_VERSION, ...passedOn };
        const url = withQuery(new URL(address), authorization);
        return client.send({ url, headers, body: JSON.stringify({ ...body, model }) }, signal, DEADLINE_MS);
      });
      return countIn(JSON.parse(String(await wholeAnswer(answer.chunks))));
    } catch (thrown) {
      if (thrown instanceof SyntaxError) return null;
      if (!(thrown instanceof UpstreamError)) throw thrown;
      const { reason } = thrown.failure;
      if (reason === 'rejected' || reason === 'too_long') throw toRefusal(thrown.failure, provider.name);
      return null;
    }
  }
}

const countIn = (told: unknown): number | null =>
  isObject(told) && Number.isSafeInteger(told['input_tokens']) ? Number(told['input_tokens']) : null;
