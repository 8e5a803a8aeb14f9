import { describe, expect, test } from 'vitest';
import { builtIns, type ListedModel, type Provider } from '../catalogue/model.ts';
import type { NamedModel } from '../policies/model.ts';
import type { Health } from './breaker.ts';
import { type Candidate, type RoutingView, route, type Wish } from './route.ts';

const entry = (id: string, more: Partial<ListedModel> = {}): ListedModel => ({
  id,
  alias: null,
  tier: null,
  weight: 1,
  maxOutputTokens: null,
  capabilities: null,
  ...more,
});
const [echo] = builtIns('o', false);
const provider = (name: string, kind: Provider['kind'], more: Partial<Provider> = {}): Provider => ({
  ...(echo as Provider),
  id: `id-${name}`,
  name,
  kind,
  defaultModel: null,
  ...more,
});
const CLOSED: Health = { state: 'closed', calls: 0, failures: 0, latencyMs: null, retryAt: null };

async function ask(
  wish: Partial<Wish>,
  providers: readonly Provider[],
  view: Partial<RoutingView> = {},
): Promise<string[]> {
  const whole = { provider: null, model: null, tier: null, needs: [], ...wish };
  const quiet = { healthOf: () => CLOSED, costOf: async () => null, refusalOf: () => null, random: () => 0.5 };
  const found = await route(whole, { providers, ...quiet, ...view });
  return found.map((candidate) => `${candidate.provider.name}:${candidate.model}`);
}

const anthropic = provider('claude-eu', 'anthropic');
const openai = provider('gpt', 'openai', { defaultModel: 'gpt-5' });
const local = provider('local', 'ollama', {
  models: [entry('llama3', { alias: 'small', tier: 'basic', maxOutputTokens: 100 })],
});
const everyone = [echo as Provider, anthropic, openai, local];

describe('a route', () => {
  test.each([
    [{ provider: 'gpt' }, ['gpt:gpt-5']],
    [{ provider: 'id-gpt', model: 'gpt-4o' }, ['gpt:gpt-4o']],
    [{ provider: 'local', model: 'small' }, ['local:llama3']],
    [{ model: 'claude-sonnet-5' }, ['claude-eu:claude-sonnet-5']],
    [{ model: 'o3' }, ['gpt:o3']],
    [{ model: 'small' }, ['local:llama3']],
    [{ model: 'llama3' }, ['local:llama3']],
    [{ model: 'gpt/anything-new' }, ['gpt:anything-new']],
    [{ model: 'echo' }, ['echo:echo']],
    [{ tier: 'basic' as const }, ['local:llama3']],
    [{}, ['local:llama3']],
  ])('for %o leads to %o', async (wish, expected) => {
    expect(await ask(wish, everyone)).toEqual(expected);
  });

  test.each([
    [{ provider: 'nobody' }, /no provider "nobody"/],
    [{ provider: 'claude-eu' }, /has no default model/],
    [{ model: 'mystery' }, /No provider has the model "mystery".*claude-eu, gpt, local/],
    [{ tier: 'premium' as const }, /tier premium/],
    [{ model: 'echo', needs: ['tools' as const] }, /needs: tools/],
  ])('for %o is refused with what is there', async (wish, message) => {
    await expect(ask(wish, everyone)).rejects.toThrow(message);
  });

  test.each(['json_schema', 'reasoning', 'images'] as const)(
    'leaves out what has no %s where that is needed',
    async (need) => {
      const plain = provider('plain', 'openai', { models: [entry('m', { capabilities: ['tools'] })] });
      const able = provider('able', 'openai', { models: [entry('m', { capabilities: [need] })] });
      expect(await ask({ model: 'm', needs: [need] }, [plain, able])).toEqual(['able:m']);
    },
  );

  test('leaves archived providers out', async () => {
    const gone = { ...openai, archivedAt: new Date() };
    await expect(ask({ model: 'gpt-5' }, [gone])).rejects.toThrow(/No provider/);
    await expect(ask({ provider: 'gpt' }, [gone])).rejects.toThrow(/archived/);
  });

  test('goes to the healthy first, to the cheapest among them, and to a broken one last', async () => {
    const models = [entry('m')];
    const [a, b, c] = ['a', 'b', 'c'].map((name) => provider(name, 'openai-compatible', { models }));
    const states: Record<string, Health['state']> = { a: 'open', b: 'closed', c: 'closed' };
    const healthOf = ({ provider: { name } }: Candidate): Health => ({ ...CLOSED, state: states[name] ?? 'closed' });
    const costOf = async ({ provider: { name } }: Candidate): Promise<number> => (name === 'b' ? 9 : 1);
    const found = await ask({ model: 'm' }, [a, b, c] as Provider[], { healthOf, costOf });
    expect(found).toEqual(['c:m', 'b:m', 'a:m']);
  });

  test('leads only to what the caller may ask, by the name of the model or its alias', async () => {
    const models = [entry('m', { alias: 'house' })];
    const all = ['a', 'b', 'c'].map((name) => provider(name, 'openai-compatible', { models }));
    const asked: NamedModel[] = [];
    const refusalOf = (model: NamedModel): Error | null => {
      asked.push(model);
      return model.provider === 'b' ? null : new Error(`Not ${model.provider}.`);
    };
    expect(await ask({ model: 'house' }, all, { refusalOf })).toEqual(['b:m']);
    expect(asked[0]).toEqual({ provider: 'a', names: ['m', 'house'] });
    await expect(ask({ provider: 'c', model: 'house' }, all, { refusalOf })).rejects.toThrow('Not c.');
  });

  test('shares calls by weight', async () => {
    const heavy = provider('heavy', 'openai-compatible', { models: [entry('m', { weight: 3 })] });
    const light = provider('light', 'openai-compatible', { models: [entry('m', { weight: 1 })] });
    let [state, first] = [1, 0];
    const random = (): number => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    for (let round = 0; round < 4_000; round++)
      if ((await ask({ model: 'm' }, [heavy, light], { random }))[0] === 'heavy:m') first += 1;
    expect(first / 4_000).toBeGreaterThan(0.72);
    expect(first / 4_000).toBeLessThan(0.78);
  });
});
