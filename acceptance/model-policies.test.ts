import OpenAI from 'openai';
import { afterAll, describe, expect, test } from 'vitest';
import { Server } from './harness/server.ts';

/*
 * The guard rails at the gateway's door, as OpenAI's own client meets them: what a key may ask, how much of it in a minute,
 * whom it is billed to, and what is answered from the cache.
 */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_GRPC_PORT: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
const { organization_id: orgId } = await server.sdk().me();
const messages = [{ role: 'user' as const, content: 'one two three four five' }];

/** OpenAI's client with a key of its own, under this policy. */
async function client(
  policy: object,
  defaultHeaders: Record<string, string> = {},
): Promise<{ id: string; openai: OpenAI }> {
  const { api_key, raw_key } = await server.sdk().apiKeys.create({ name: 'Guarded', permission_set: 'full_access' });
  const answer = await server.as().send('PUT', `/v1/model-policies/api_key/${api_key.id}`, { body: policy });
  expect(answer.status, answer.text).toBe(200);
  const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: raw_key, maxRetries: 0, defaultHeaders });
  return { id: api_key.id, openai };
}

describe("OpenAI's client", () => {
  test('is refused a model that its key may not ask, and is not shown it', async () => {
    const { openai, id } = await client({ models: ['gpt-*'] });
    await expect(openai.chat.completions.create({ model: 'echo', messages })).rejects.toSatisfy(
      (error) =>
        error instanceof OpenAI.PermissionDeniedError && error.message.includes(`${id} allows only the models gpt-*`),
    );
    const listed: string[] = [];
    for await (const model of openai.models.list()) listed.push(model.id);
    expect(listed).toEqual([]);
  });

  test('is told how many tokens are left, and to wait when none are', async () => {
    const { openai } = await client({ tokens_per_minute: 60 });
    const ask = () => openai.chat.completions.create({ model: 'echo', messages, max_tokens: 30 }).withResponse();
    const { response } = await ask();
    expect(response.headers.get('x-ratelimit-limit-tokens')).toBe('60');
    const outcomes: unknown[] = [];
    for (let call = 0; call < 6; call++)
      outcomes.push(
        await ask().then(
          () => null,
          (thrown: unknown) => thrown,
        ),
      );
    const last = outcomes.find((outcome) => outcome !== null);
    expect(last).toBeInstanceOf(OpenAI.RateLimitError);
    const { type, headers } = last as InstanceType<typeof OpenAI.RateLimitError>;
    expect([type, Number(headers?.get('retry-after')) > 0]).toEqual(['tokens', true]);
  });

  test('gets the same answer for nothing, whole and streamed, where its policy says so', async () => {
    const { openai } = await client({ cache: { ttl_seconds: 60 } });
    const ask = { model: 'echo@7', messages, temperature: 0 };
    const [first, second] = [
      await openai.chat.completions.create(ask).withResponse(),
      await openai.chat.completions.create(ask).withResponse(),
    ];
    const seen = [first, second].map(({ response: { headers } }) => [
      headers.get('x-assay-cache'),
      headers.get('x-assay-cost'),
    ]);
    expect(seen).toEqual([
      ['miss', '0.000070'],
      ['hit', '0.000000'],
    ]);
    expect(second.data).toMatchObject({ id: first.data.id, choices: first.data.choices });
    let text = '';
    for await (const { choices } of await openai.chat.completions.create({ ...ask, stream: true }))
      text += choices[0]?.delta.content ?? '';
    expect(text).toBe(messages[0]?.content);
  });

  test('has its calls counted for the project that it names', async () => {
    const { openai } = await client({}, { 'X-Assay-Project': 'apollo' });
    await openai.chat.completions.create({ model: 'echo@3', messages });
    const usage = await server.as().get(`/v1/organizations/${orgId}/usage?project=apollo`);
    const { total } = (usage.body as { data: { usage: { total: { records: number; cost_micros: number } } } }).data
      .usage;
    expect([total.records, total.cost_micros]).toEqual([1, 30]);
  });
});
