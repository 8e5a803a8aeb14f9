import { afterEach, expect, test, vi } from 'vitest';
import { WireServer } from '../test/wire-server.ts';
import { Assay } from './assay.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const tokens = { access_token: 'eyJ', token_type: 'Bearer', expires_in: 3600, refresh_token: 'rt_2' };
const refusal = (error: string) => ({ status: 400, json: { error, error_description: 'No.' } });

test('polls are as far apart as the server wants, and further after each that was too soon', async () => {
  vi.useFakeTimers();
  const answers = [refusal('authorization_pending'), refusal('slow_down'), refusal('authorization_pending')];
  const polls: { at: number; form: object }[] = [];
  const { oauth } = new Assay({
    fetch: async (_url, init) => {
      polls.push({ at: Date.now(), form: Object.fromEntries(init?.body as URLSearchParams) });
      const { status = 200, json } = answers[polls.length - 1] ?? { json: tokens };
      return Response.json(json, { status });
    },
  });
  const started = Date.now();
  const waiting = oauth.waitForApproval({ device_code: 'dc_x', interval: 5 }, { clientId: 'a-cli' });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await waiting).toEqual(tokens);
  expect(polls.map(({ at }) => at - started)).toEqual([5_000, 10_000, 20_000, 30_000]);
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: 'dc_x', client_id: 'a-cli' };
  expect(polls.map((poll) => poll.form)).toEqual([form, form, form, form]);
});

test.each(['access_denied', 'expired_token', 'invalid_grant'])('%s ends the waiting, by its code', async (error) => {
  await using server = await WireServer.start(() => refusal(error));
  const { oauth } = new Assay({ baseUrl: server.url });
  const device = { device_code: 'dc_x', interval: 0 };
  await expect(oauth.waitForApproval(device, { clientId: 'a-cli' })).rejects.toMatchObject({
    name: 'BadRequestError',
    code: error,
    message: 'No.',
  });
});

test('a refresh is sent once, whatever becomes of it', async () => {
  await using server = await WireServer.start(() => ({ status: 503, json: { error: 'temporarily_unavailable' } }));
  const { oauth } = new Assay({ baseUrl: server.url });
  await expect(oauth.refresh({ refreshToken: 'rt_1', clientId: 'a-cli' })).rejects.toMatchObject({ status: 503 });
  expect(server.received).toHaveLength(1);
});

test('a key that is a function is asked before every attempt, and its failure is its own', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  await using server = await WireServer.start((_received, count) =>
    count === 1 ? { status: 503, json: {} } : { json: { data: { principal: { id: 'u' } } } },
  );
  const keys = ['eyJ1', 'eyJ2'];
  const assay = new Assay({
    baseUrl: server.url,
    apiKey: async () => keys.shift() ?? Promise.reject(new Error('gone')),
  });
  expect(await assay.me()).toEqual({ id: 'u' });
  expect(server.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer eyJ1', 'Bearer eyJ2']);
  await expect(assay.me()).rejects.toThrow('gone');
});

test('an organization and a name go along with every request', async () => {
  await using server = await WireServer.start(() => ({ json: { data: { principal: {} } } }));
  await new Assay({ baseUrl: server.url, organizationId: 'org', userAgent: 'a-cli/1' }).me();
  expect(server.received[0]?.headers).toMatchObject({ 'x-organization-id': 'org', 'user-agent': 'a-cli/1' });
});
