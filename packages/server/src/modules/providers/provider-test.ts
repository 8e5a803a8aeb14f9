import { AppError } from '../../kernel/errors.ts';
import { type AnyOperation, operation } from '../../platform/operation.ts';
import { type Attribution, billedTo } from './attribution.ts';
import { isBuiltIn, type Provider } from './catalogue/model.ts';
import type { ChatServices } from './chats.ts';
import { openAiChat } from './dialects/client-dialects.ts';
import { providerErrors } from './errors.ts';
import type { WholeAnswer } from './execution/model.ts';
import type { UpstreamFailure } from './model.ts';

export type TestInput = { id: string; model: string | null; attribution: Attribution };
type TestServices = Pick<ChatServices, 'executor' | 'directory' | 'policies' | 'leafOf'>;

/** What came of asking a provider once. */
export type ProviderTest = {
  provider: Provider;
  /** What it was asked for, and what it says that answered. */
  model: string;
  answeredBy: string | null;
  latencyMs: number;
  /** Micro-dollars; null where the model has no price. */
  cost: number | null;
  failure: TestFailure | null;
};

/** Why it gave no answer, in the provider's words or ours, and what to do. */
export type TestFailure = { reason: string; message: string; advice: string };

export const testOperations = (services: TestServices) =>
  ({ testProvider: testProvider(services) }) satisfies Record<string, AnyOperation>;

/** Enough for a word, and the least that some vendors take. */
const MAX_TOKENS = 16;

const testProvider = ({ executor, directory, policies, leafOf }: TestServices) =>
  operation({
    name: 'providers.provider.test',
    summary: 'Ask a provider for a word, to see that its address, key and model work. It is billed as any call.',
    scope: 'providers:write',
    effect: 'create',
    rate: 'control',
    audit: 'own',
    transaction: 'none',
    async run(context, { id, model: named, attribution }: TestInput): Promise<ProviderTest> {
      const claims = await billedTo(context, attribution, policies);
      const provider = (await directory.providersOf(claims.orgId)).find((each) => each.id === id);
      const model = testable(provider, named);
      const { call } = context;
      const target = { type: 'provider', id };
      const leaf = leafOf(call, { action: 'provider.tested', target, detail: { model }, personal: {} });
      const messages = [{ role: 'user', content: 'Say OK.' }];
      const request = openAiChat.decode({ model, messages, max_completion_tokens: MAX_TOKENS });
      const started = performance.now();
      const of = { provider: provider as Provider, model };
      try {
        const answered = await executor.execute({
          claims,
          asked: { dialect: null, request },
          wish: { provider: id, model, tier: null, needs: [] },
          stream: false,
          maxTokens: MAX_TOKENS,
          passedOn: {},
          isTrial: true,
          attached: { leaves: [leaf] },
          trace: call.trace,
          notes: call.notes,
          // Whether it works is asked of the provider, each time.
          caching: { noCache: true, noStore: true, maxAgeSeconds: null },
          signal: call.signal,
        });
        const { answer, bill } = answered as WholeAnswer;
        const latencyMs = performance.now() - started;
        return { ...of, answeredBy: answer.model, latencyMs, cost: bill.cost, failure: null };
      } catch (thrown) {
        const failure = failureOf(thrown, of.provider);
        if (failure === null) throw thrown;
        return { ...of, answeredBy: null, latencyMs: performance.now() - started, cost: 0, failure };
      }
    },
  });

/**
 * The model that a provider is tested with.
 * @throws AppError when there is nothing to test
 */
function testable(provider: Provider | undefined, named: string | null): string {
  if (!provider) throw providerErrors.not_found('There is no provider with this id.');
  if (provider.archivedAt !== null)
    throw providerErrors.archived('This provider is archived. Take it into use again first, with `unarchive`.');
  if (provider.kind === 'replay')
    throw providerErrors.built_in('Replay asks nobody: it plays what was recorded, and there is nothing to test.');
  const model = named ?? provider.defaultModel ?? provider.models[0]?.id;
  if (model !== undefined) return model;
  const message = 'Name a `model` to test it with, or set `default_model` on the provider.';
  throw providerErrors.model_unknown(message, { faults: [{ field: 'model', constraint: 'required', message }] });
}

/** What to do about each way to fail. */
const ADVICE = {
  unreachable: 'Nothing answers there. Look at `base_url`, and at names and networks between here and there.',
  address_refused: 'Use a public address over https, or have the operator open it with ASSAY_OUTBOUND_NETWORKS.',
  timeout: 'Something is there that does not answer in time. Look at `base_url`, and at how busy the provider is.',
  credential: 'It does not let us in. Set another key, `credential_id` or `secret`, and see what that one may do.',
  model_unknown: 'It is reached, and does not have this. Look at the name of the model, and at the path of `base_url`.',
  malformed: 'What answers does not speak as a provider of this kind. Look at `kind` and `base_url`.',
  interrupted: 'Its answer broke off. Try again; if that stays so, look at what lies between here and there.',
  overloaded: 'It is reached, and has trouble of its own. Try again later.',
  rate_limited: 'It lets us in, and calls come too fast for it. Try again later, or have the limit raised there.',
  quota: 'It lets us in, and nothing is left to spend there. Look at the account at the vendor.',
  rejected: 'It lets us in, and does not take this request. Look at the model, and at what it can do.',
  too_long: 'The model takes less than a line of text. Choose another.',
  config_missing: 'Set what is missing on the provider.',
  address_missing: 'Set `base_url` on the provider.',
} as const satisfies Record<UpstreamFailure['reason'] | 'config_missing' | 'address_missing', string>;

/** Null for what says nothing about the provider: a budget that is used up, say. */
function failureOf(thrown: unknown, { name, kind }: Provider): TestFailure | null {
  if (!(thrown instanceof AppError) || isBuiltIn(kind)) return null;
  const reason = /^provider\.(\w+)$/.exec(thrown.code)?.[1] ?? '';
  if (!Object.hasOwn(ADVICE, reason)) return null;
  const message = thrown.message.startsWith(`${name}: `) ? thrown.message.slice(name.length + 2) : thrown.message;
  return { reason, message, advice: ADVICE[reason as keyof typeof ADVICE] };
}
