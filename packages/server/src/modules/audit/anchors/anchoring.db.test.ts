import { createHash, createHmac, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aLeaf, aSequencer, commitLeaves, sequenceAll, testMasterKey } from '../../../../test/audit-log.ts';
import { testDatabase } from '../../../../test/database.ts';
import { recordingLog } from '../../../../test/recording-log.ts';
import { scratchDirectory } from '../../../../test/scratch-directory.ts';
import { until } from '../../../../test/until.ts';
import { CheckpointKeys } from '../checkpoints/keys.ts';
import { bucketAnchor } from './adapters/bucket-anchor.ts';
import { fileAnchor } from './adapters/file-anchor.ts';
import { webhookAnchor } from './adapters/webhook-anchor.ts';
import { Anchoring } from './anchoring.ts';
import type { AnchorPlace, Destination } from './ports.ts';

const db = testDatabase();
const sequencer = aSequencer(db.system, new CheckpointKeys(testMasterKey()));

function anchoring(places: readonly AnchorPlace[], everySeconds = 0): Anchoring {
  return new Anchoring({
    statements: (work) => db.system.statements({ orgId: null }, work),
    places,
    everySeconds,
    log: recordingLog(),
  });
}

async function aLog(
  leaves: number,
): Promise<{ orgId: string; checkpoint: () => Promise<string>; grow(): Promise<void> }> {
  const orgId = await db.organization();
  const grow = async (count: number): Promise<void> => {
    await commitLeaves(
      db,
      Array.from({ length: count }, () => aLeaf(orgId)),
    );
    await sequenceAll(sequencer);
  };
  await grow(leaves);
  return {
    orgId,
    grow: () => grow(1),
    async checkpoint() {
      return (await db.owner.query('select checkpoint from audit_trees where org_id = $1', [orgId])).rows[0].checkpoint;
    },
  };
}

const stateOf = async (orgId: string, destination: Destination) =>
  (
    await db.owner.query(
      'select size::integer, failures, last_error from audit_anchors where org_id = $1 and destination = $2',
      [orgId, destination],
    )
  ).rows[0];

/** Everything is due again, whenever it was last tried. */
const makeDue = () => db.owner.query(`update audit_anchors set next_at = now() - interval '1 second'`);

type Taken = { method: string; path: string; headers: IncomingMessage['headers']; body: string };
type Far = AsyncDisposable & { url: string; taken: Taken[]; answer: (taken: Taken, response: ServerResponse) => void };

/** The far side of an anchor: keeps what it is sent. */
async function farSide(): Promise<Far> {
  const server = createServer(async (request, response) => {
    const taken = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: await text(request),
    };
    far.taken.push(taken);
    far.answer(taken, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const far: Far = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken: [],
    answer: (_taken, response) => void response.end(),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return far;
}

describe('anchoring to a file', () => {
  test('appends the newest checkpoint of each log, once', async () => {
    await using folder = await scratchDirectory();
    const path = join(folder.path, 'deep', 'anchors.jsonl');
    const [one, other] = [await aLog(2), await aLog(3)];
    const place = fileAnchor(path);
    const anchors = anchoring([place]);
    await anchors.anchor(place);
    await anchors.anchor(place);
    const first = await one.checkpoint();
    await one.grow();
    await makeDue();
    await anchors.anchor(place);
    const lines = (await readFile(path, 'utf8')).trim().split('\n');
    const notes = lines.map((line) => JSON.parse(line).note);
    expect(notes.filter((note) => note.includes(one.orgId))).toEqual([first, await one.checkpoint()]);
    expect(notes.filter((note) => note.includes(other.orgId))).toEqual([await other.checkpoint()]);
  });

  test('says when a log is shorter than what was anchored of it', async () => {
    await using folder = await scratchDirectory();
    const { orgId } = await aLog(4);
    const place = fileAnchor(join(folder.path, 'anchors.jsonl'));
    const log = recordingLog();
    const anchors = new Anchoring({
      statements: (work) => db.system.statements({ orgId: null }, work),
      places: [place],
      everySeconds: 0,
      log,
    });
    await anchors.anchor(place);
    await db.owner.query('update audit_trees set size = 3 where org_id = $1', [orgId]);
    await anchors.anchor(place);
    await anchors.anchor(place);
    expect(
      log.records.filter(({ level, fields }) => level === 'error' && JSON.stringify(fields).includes(orgId)),
    ).toHaveLength(1);
  });
});

describe('anchoring to a webhook', () => {
  const secret = randomBytes(24);

  test('posts the checkpoint with a signature that its receiver can check', async () => {
    await using far = await farSide();
    const log = await aLog(2);
    const place = webhookAnchor({ url: `${far.url}/hook?x=1`, secret });
    await anchoring([place]).anchor(place);
    const taken = far.taken.find(({ body }) => body.includes(log.orgId));
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = taken?.headers ?? {};
    expect(taken).toMatchObject({ method: 'POST', path: '/hook?x=1' });
    expect(id).toBe(`audit_${log.orgId}_2`);
    expect(signature).toBe(`v1,${createHmac('sha256', secret).update(`${id}.${at}.${taken?.body}`).digest('base64')}`);
    expect(JSON.parse(taken?.body ?? '')).toMatchObject({
      type: 'audit.checkpoint',
      data: { org_id: log.orgId, size: 2, note: await log.checkpoint() },
    });
  });

  test('is tried again when it is refused, later each time, and holds up nothing else', async () => {
    await using far = await farSide();
    await using folder = await scratchDirectory();
    const log = await aLog(1);
    const place = webhookAnchor({ url: far.url, secret });
    const file = fileAnchor(join(folder.path, 'anchors.jsonl'));
    const anchors = anchoring([place, file]);
    far.answer = (_taken, response) => void response.writeHead(503).end();
    for (const failures of [1, 2]) {
      await anchors.anchor(place);
      expect(await stateOf(log.orgId, 'webhook')).toMatchObject({
        failures,
        size: 0,
        last_error: expect.stringContaining('503'),
      });
      await makeDue();
    }
    await anchors.anchor(file);
    expect(await stateOf(log.orgId, 'file')).toMatchObject({ size: 1, failures: 0 });
    await log.grow();
    far.answer = (_taken, response) => void response.end();
    await anchors.anchor(place);
    expect(await stateOf(log.orgId, 'webhook')).toMatchObject({ size: 2, failures: 0, last_error: null });
  });

  test('does not follow it elsewhere', async () => {
    await using far = await farSide();
    const log = await aLog(1);
    far.answer = ({ path }, response) =>
      void response.writeHead(path === '/' ? 307 : 200, { location: '/other' }).end();
    const place = webhookAnchor({ url: far.url, secret });
    await anchoring([place]).anchor(place);
    expect(far.taken.filter(({ path }) => path === '/other')).toEqual([]);
    expect(await stateOf(log.orgId, 'webhook')).toMatchObject({ failures: 1 });
  });
});

describe('anchoring to a bucket', () => {
  const credentials = { AWS_ACCESS_KEY_ID: 'AKIATEST', AWS_SECRET_ACCESS_KEY: 'secret/of+the-test' };
  const before = { ...process.env };
  beforeEach(() => void Object.assign(process.env, credentials));
  afterEach(() => {
    for (const name of Object.keys(credentials)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });

  /** What an S3 server does: checks the signature (AWS Signature Version 4), keeps objects, honours If-None-Match. */
  function actAsBucket(far: Far): Map<string, string> {
    const objects = new Map<string, string>();
    far.answer = ({ method, path, headers, body }, response) => {
      const key = decodeURIComponent(path.split('?')[0] ?? '');
      const refuse = (status: number, code: string): void =>
        void response
          .writeHead(status, { 'content-type': 'application/xml' })
          .end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`);
      if (headers.authorization !== signatureOf({ method, path, headers, body }, credentials))
        return refuse(403, 'SignatureDoesNotMatch');
      if (method === 'GET') return void response.end(objects.get(key) ?? '');
      if (headers['if-none-match'] === '*' && objects.has(key)) return refuse(412, 'PreconditionFailed');
      objects.set(key, body);
      response.writeHead(200, { etag: `"${createHash('md5').update(body).digest('hex')}"` }).end();
    };
    return objects;
  }

  const placeAt = (far: Far): AnchorPlace =>
    bucketAnchor({ bucket: 'evidence', prefix: 'assay/', endpoint: far.url, region: 'eu-central-1' });

  test('writes each checkpoint as an object of its own, signed as S3 wants it', async () => {
    await using far = await farSide();
    const objects = actAsBucket(far);
    const log = await aLog(2);
    const place = placeAt(far);
    const anchors = anchoring([place]);
    await anchors.anchor(place);
    const first = await log.checkpoint();
    await log.grow();
    await makeDue();
    await anchors.anchor(place);
    const mine = [...objects].filter(([name]) => name.includes(log.orgId));
    expect(mine).toEqual([
      [`/evidence/assay/${log.orgId}/0000000000000002.checkpoint`, first],
      [`/evidence/assay/${log.orgId}/0000000000000003.checkpoint`, await log.checkpoint()],
    ]);
  });

  test('takes one that is there for written, and another one of the same size for a rewritten log', async () => {
    await using far = await farSide();
    const objects = actAsBucket(far);
    const [same, other] = [await aLog(1), await aLog(1)];
    const name = (orgId: string): string => `/evidence/assay/${orgId}/0000000000000001.checkpoint`;
    objects.set(name(same.orgId), await same.checkpoint());
    objects.set(name(other.orgId), 'assay/audit/x\n1\nAAAA\n\n— x y\n');
    const place = placeAt(far);
    await anchoring([place]).anchor(place);
    expect(await stateOf(same.orgId, 's3')).toMatchObject({ size: 1, failures: 0 });
    expect(await stateOf(other.orgId, 's3')).toMatchObject({
      size: 0,
      last_error: expect.stringContaining('the log has been rewritten'),
    });
  });
});

test('two workers write one log once, and the one that is started goes on by itself', async () => {
  await using folder = await scratchDirectory();
  const path = join(folder.path, 'anchors.jsonl');
  const log = await aLog(3);
  const places = [fileAnchor(path), fileAnchor(path)];
  const workers = places.map((place) => anchoring([place], 3_600));
  for (const worker of workers) worker.start();
  const written = async (): Promise<string[]> =>
    (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line.includes(log.orgId));
  await until('it is anchored', async () => (await written()).length > 0);
  await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  expect(await written()).toHaveLength(1);
});

/** The Authorization header of AWS Signature Version 4, computed anew from the request as it arrived. */
function signatureOf({ method, path, headers, body }: Taken, secret: { AWS_SECRET_ACCESS_KEY: string }): string {
  const given = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=\w+$/.exec(
    headers.authorization ?? '',
  );
  const [, accessKey = '', scope = '', signed = ''] = given ?? [];
  const bodyHash = createHash('sha256').update(body).digest('hex');
  if (headers['x-amz-content-sha256'] !== bodyHash) return 'the body is another one';
  const [file = '', query = ''] = path.split('?');
  const canonical = [
    method,
    file,
    query.split('&').sort().join('&'),
    ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    bodyHash,
  ].join('\n');
  const toSign = [
    'AWS4-HMAC-SHA256',
    headers['x-amz-date'],
    scope,
    createHash('sha256').update(canonical).digest('hex'),
  ];
  const key = scope
    .split('/')
    .reduce<Buffer>(
      (from, part) => createHmac('sha256', from).update(part).digest(),
      Buffer.from(`AWS4${secret.AWS_SECRET_ACCESS_KEY}`),
    );
  const signature = createHmac('sha256', key).update(toSign.join('\n')).digest('hex');
  return (headers.authorization ?? '')
    .replace(/Signature=\w+$/, `Signature=${signature}`)
    .replace(/=[^/=]+\//, `=${accessKey}/`);
}
