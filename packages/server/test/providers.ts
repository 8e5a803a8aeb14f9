import { afterAll } from 'vitest';
import { newId } from '../src/kernel/ids.ts';
import { Sensitive } from '../src/kernel/sensitive.ts';
import { chosenPrice, type Ledger, type Price } from '../src/modules/metering/index.ts';
import { builtIns, type ListedModel, type Provider } from '../src/modules/providers/catalogue/model.ts';
import { type AccessServices, ProviderAccess } from '../src/modules/providers/execution/access.ts';
import type { ProviderDirectory } from '../src/modules/providers/execution/directory.ts';
import type { ExecutorServices } from '../src/modules/providers/execution/executor.ts';
import { Planner } from '../src/modules/providers/execution/planner.ts';
import { Breakers } from '../src/modules/providers/routing/breaker.ts';
import { ProviderClient } from '../src/modules/providers/upstream/provider-client.ts';
import { AddressRules, HttpClient } from '../src/platform/http-client/index.ts';
import { NO_CACHE, NO_POLICIES, NO_TOKEN_LIMITS } from './model-policies.ts';
import { unwatched } from './unwatched.ts';

/** A provider of an organization; say what matters otherwise. */
export const aProvider = (orgId: string, of: Partial<Provider> & Pick<Provider, 'kind' | 'baseUrl'>): Provider => ({
  ...(builtIns(orgId, false)[0] as Provider),
  id: newId(),
  name: of.kind,
  defaultModel: null,
  ...of,
});

/** An entry of a provider's models. */
export const aModel = (id: string, of: Partial<ListedModel> = {}): ListedModel => ({
  id,
  alias: null,
  tier: null,
  weight: 1,
  maxOutputTokens: null,
  capabilities: null,
  ...of,
});

/** Two micro-dollars a token in, ten out. */
const PRICE = chosenPrice({ input: 2_000_000, output: 10_000_000 });

export type TestGateway = {
  providers: readonly Provider[];
  ledger: Ledger;
  /** Of every model, unless there is another by the name of its provider. */
  price?: Price | null;
  prices?: Readonly<Record<string, Price | null>>;
};

/** What calls go through, with providers on loopback. */
export function testGateways(): { servicesOf(gateway: TestGateway): ExecutorServices } {
  const http = new HttpClient({ rules: new AddressRules(['loopback']) });
  afterAll(() => http[Symbol.asyncDispose]());
  return {
    servicesOf({ providers, ledger, price = PRICE, prices = {} }) {
      const directory = {
        providersOf: async () => providers,
        keyOf: async ({ name }: Provider) => new Sensitive(`key of ${name}`),
      } as unknown as ProviderDirectory;
      const breakers = new Breakers();
      return {
        planner: new Planner({
          directory,
          policies: NO_POLICIES,
          breakers,
          priceOf: async ({ name }) => prices[name] ?? price,
        }),
        access: new ProviderAccess({ directory } as unknown as AccessServices),
        client: new ProviderClient({ dispatcher: http.dispatcher, silenceMs: 2_000 }),
        breakers,
        ledger,
        recordings: null,
        limits: NO_TOKEN_LIMITS,
        cache: NO_CACHE,
        watch: unwatched,
      };
    },
  };
}
