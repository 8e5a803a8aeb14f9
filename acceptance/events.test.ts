import type { CloudEvent, StreamEvent } from '@assay/contract';
import { afterAll, describe, expect, test } from 'vitest';
import { signIn } from './harness/route-call.ts';
import { Server } from './harness/server.ts';
import { Socket } from './harness/socket.ts';
import { Sse } from './harness/sse.ts';
import { addMember } from './harness/tenant.ts';
import { until } from './harness/until.ts';

/* The organization's events from outside, over both of their ways: what is told, to whom, from where on, and how it ends. */
const server = await Server.start({
  args: ['--role', 'api,worker'],
  env: { ASSAY_RATE_LIMITS: 'off' },
  awaitReady: false,
});
afterAll(() => server[Symbol.asyncDispose]());
await until('the API answers', async () => (await server.as().get('/v1/me')).status === 200, 60_000);

const mine = { authorization: `Bearer ${server.credentials.apiKey}` };
const follow = (query = '', headers: Record<string, string> = mine): Promise<Sse> =>
  Sse.open(`${server.url}/v1/events/stream${query}`, headers);
const socket = <Message>(query = '', headers: Record<string, string> = mine): Promise<Socket<Message>> =>
  Socket.open<Message>(server.url, `/v1/events/ws${query}`, headers);

/** Has an event happen: a key is made. Gives its subject. */
async function happen(): Promise<string> {
  const { api_key } = await server.sdk().apiKeys.create({ name: 'Told of', scopes: ['events:read'] });
  return api_key.id;
}
const about = (subject: string) => (frame: { data: unknown }) => (frame.data as StreamEvent)?.subject === subject;
const typesOf = (frames: readonly { event: string }[]): string[] => frames.map(({ event }) => event).filter(Boolean);

describe('a stream', () => {
  test('says where it begins, then tells what happens, by the kinds and things it was asked for', async () => {
    using all = await follow('?types=apikey.*');
    using none = await follow('?types=budget.*,apikey.revoked');
    expect(all.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    await all.frame('the start', ({ id, data }) => /^\d+-\d+$/.test(id) && data === undefined);
    await none.frame('the start', ({ id }) => id !== '');
    const id = await happen();
    const { event, data, id: position } = await all.frame('it is told', about(id));
    expect(event).toBe('apikey.created');
    expect(data).toMatchObject({
      id: position,
      type: 'apikey.created',
      subject: id,
      organization_id: expect.any(String),
    });
    await server.sdk().apiKeys.revoke(id);
    await none.frame('the other is told', about(id));
    expect(typesOf(none.frames)).toEqual(['apikey.revoked']);
  });

  test('resumes after any event, by header or query, and over either way, without a gap or a double', async () => {
    const subjects = [await happen(), await happen(), await happen()];
    using whole = await follow(`?after=0-0&subjects=${subjects.join(',')}`);
    await until('all three are told', () => typesOf(whole.frames).length === 3);
    const first = whole.frames.find(about(subjects[0] as string))?.id as string;
    using byHeader = await follow(`?types=apikey.created`, { ...mine, 'last-event-id': first });
    using byQuery = await follow(`?types=apikey.created&after=${first}`);
    using bySocket = await socket<StreamEvent>(`?types=apikey.created&after=${first}`);
    const live = await happen();
    const expected = [...subjects.slice(1), live];
    for (const stream of [byHeader, byQuery]) {
      await stream.frame('the live one is told', about(live));
      const told = stream.frames.flatMap(({ data }) => (data as StreamEvent | undefined)?.subject ?? []);
      expect(told).toEqual(expected);
    }
    await bySocket.message('the live one is told', ({ subject }) => subject === live);
    expect(bySocket.messages.map(({ subject }) => subject)).toEqual(expected);
  });

  test('tells as CloudEvents what it is asked for so: by query, by Accept, and by the subprotocol', async () => {
    using byQuery = await follow('?format=cloudevents&types=apikey.created');
    using byAccept = await follow('?types=apikey.created', {
      ...mine,
      accept: 'text/event-stream, application/cloudevents+json',
    });
    using bySocket = await Socket.open<CloudEvent>(server.url, '/v1/events/ws?types=apikey.created', mine, [
      'cloudevents.json',
    ]);
    expect(bySocket.protocol).toBe('cloudevents.json');
    await Promise.all([byQuery, byAccept].map((stream) => stream.frame('the start', ({ id }) => id !== '')));
    const subject = await happen();
    const frame = await byQuery.frame('it is told', about(subject));
    const event = frame.data as CloudEvent;
    expect(event).toEqual({
      specversion: '1.0',
      id: frame.id,
      source: `/v1/organizations/${event.organizationid}`,
      type: 'apikey.created',
      subject,
      time: expect.stringMatching(/Z$/),
      datacontenttype: 'application/json',
      organizationid: expect.stringMatching(/^[\da-f-]{36}$/),
      data: expect.any(Object),
    });
    expect((await byAccept.frame('it is told', about(subject))).data).toEqual(event);
    expect(await bySocket.message('it is told', (message) => message.subject === subject)).toEqual(event);
  });
});

describe('a stream is refused', () => {
  test.each([
    ['an id that is none', '?after=yesterday', 400, 'validation_failed', 1008],
    ['an id from elsewhere', '?after=99999999999-1', 410, 'event_gone', 4410],
    ['a form that is not known', '?format=xml', 400, 'validation_failed', 1008],
  ])('%s', async (_, query, status, code, close) => {
    using stream = await follow(query);
    expect(stream.status).toBe(status);
    expect(await stream.refusal()).toMatchObject({ error: { code } });
    expect(await (await socket(query)).closed).toMatchObject({ code: close });
  });
});

describe('a stream ends, and says why', () => {
  test('when its key is revoked', async () => {
    const { api_key, raw_key } = await server.sdk().apiKeys.create({ name: 'Short', scopes: ['events:read'] });
    using stream = await follow('', { 'x-api-key': raw_key });
    const open = await socket('', { 'x-api-key': raw_key });
    await stream.frame('the start', ({ id }) => id !== '');
    await server.sdk().apiKeys.revoke(api_key.id);
    await stream.ended;
    expect(stream.frames.at(-1)).toMatchObject({ event: 'error', data: { code: 'unauthenticated' } });
    expect(await open.closed).toMatchObject({ code: 1008 });
    using again = await follow('', { 'x-api-key': raw_key });
    expect(again.status).toBe(401);
  });

  test('when its member signs out, and when they are removed', async () => {
    const orgId = (await server.sdk().me()).organization_id as string;
    const email = await addMember(server, { orgId, name: 'followers', role: 'developer' });
    const login = () => signIn(server.anonymous, { email, password: server.credentials.password });
    const [one, two] = [await login(), await login()];
    using signedOut = await follow('', { authorization: `Bearer ${one.accessToken}` });
    using removed = await follow('', { authorization: `Bearer ${two.accessToken}` });
    await Promise.all([signedOut, removed].map((stream) => stream.frame('the start', ({ id }) => id !== '')));
    await server.anonymous.post('/api/v1/auth/logout', { refresh_token: one.refreshToken });
    await signedOut.ended;
    expect(signedOut.frames.at(-1)).toMatchObject({ event: 'error', data: { code: 'unauthenticated' } });
    const bearer = { authorization: `Bearer ${two.accessToken}` };
    const me = (await server.anonymous.get('/v1/me', bearer)).body as { data: { principal: { id: string } } };
    await server.as().send('DELETE', `/v1/organizations/${orgId}/memberships/${me.data.principal.id}`);
    await removed.ended;
    expect(removed.frames.at(-1)).toMatchObject({ event: 'error', data: { code: expect.any(String) } });
  });
});
