import { setTimeout as delay } from 'node:timers/promises';
import { residentMemory } from '../measure/proc-stat.ts';
import { percentile } from '../measure/statistics.ts';
import { verdict } from '../measure/table.ts';
import { chat } from './caller.ts';
import type { GatewayBench } from './gateway-bench.ts';
import type { MockCounts } from './mock-upstream.ts';
import { type Asked, PROMPT_TOKENS, piecesOf, question } from './wire-format.ts';

const STREAMS = 500;
/** One in so many is read slowly, and would be megabytes if it were kept anywhere on its way. */
const ONE_SLOW_IN = 10;
const SLOW_TOKENS = 512 * 1_024;
const SLOW_PIECE_MS = 25;
const LOOK_MS = 100;
/** What the server may grow by: far less than what the slow readers leave unread. */
const FLAT_MIB = 128;
const MIB = 2 ** 20;

/** S3: streams at once, slow readers among them: none dropped, none mixed up, memory flat, every one billed to the token. */
export async function measureStreams(bench: GatewayBench): Promise<void> {
  const { report, mock, product, isQuick } = bench;
  const tokens = isQuick ? 40 : 200;
  report.progress(`${STREAMS} streams at once`);
  await runAll(bench, 'warm', 20);
  await mock.ask<MockCounts>({});
  const before = residentMemory(product.assay.pid).rss;
  const memory: number[] = [];
  const looking = setInterval(() => memory.push(residentMemory(product.assay.pid).rss), LOOK_MS);
  const ended = await runAll(bench, 'stream', tokens);
  clearInterval(looking);
  const made = await mock.ask<MockCounts>({});
  const billed = await readBilled(bench);
  const whole = ended.filter(({ isOwn }) => isOwn).length;
  const right = ended.filter(({ user }) => {
    const record = billed.get(user);
    return record?.output === made[user] && record?.input === PROMPT_TOKENS;
  }).length;
  const grownMib = (Math.max(...memory) - before) / MIB;
  report.keep('S3', { ended, memory, before });
  report.table({
    title: `S3: ${STREAMS} streams at once, ${STREAMS / ONE_SLOW_IN} of them ${(SLOW_TOKENS * 4) / MIB} MiB and read slowly`,
    columns: ['', '', 'of', ''],
    rows: [
      ['whole, in order, and nobody else’s', whole, STREAMS, verdict(whole === STREAMS)],
      ['billed to the token that the upstream counted', right, STREAMS, verdict(right === STREAMS)],
      ['memory of the server, MiB more than before', grownMib, FLAT_MIB, verdict(grownMib <= FLAT_MIB)],
      [
        'first piece p99, ms',
        percentile(
          ended.map(({ firstMs }) => firstMs),
          99,
        ),
        '',
        '',
      ],
    ],
  });
}

type Ended = { user: string; isOwn: boolean; firstMs: number };

const runAll = (bench: GatewayBench, name: string, tokens: number): Promise<Ended[]> =>
  Promise.all(
    Array.from({ length: STREAMS }, (_, at) => {
      const isSlow = at % ONE_SLOW_IN === 0;
      // No two are of one length.
      const asked = isSlow
        ? { model: 'flood', max_tokens: SLOW_TOKENS }
        : { model: 'pace-50ms', max_tokens: tokens + (at % 50) };
      return readOne(bench, question(asked.model, { ...asked, stream: true, user: `${name}-${at}` }), isSlow);
    }),
  );

/** Reads a stream to its end; says whether it was all of its own. */
async function readOne({ product }: GatewayBench, asked: Asked, isSlow: boolean): Promise<Ended> {
  const user = String(asked.user);
  const text: Buffer[] = [];
  const times = await chat(product, asked, {
    requestId: user,
    onPiece: async (piece) => {
      text.push(piece);
      if (isSlow) await delay(SLOW_PIECE_MS);
    },
  }).catch(() => ({ firstMs: Number.NaN }));
  const said = wordsIn(Buffer.concat(text).toString('utf8'));
  const expected = [...piecesOf(asked)].map((piece) => piece.text).join('');
  return { user, isOwn: said === expected, firstMs: times.firstMs };
}

function wordsIn(stream: string): string {
  const events = stream.split('\n\n').filter((event) => event.startsWith('data: {'));
  const chunks = events.map((event) => JSON.parse(event.slice(6)) as { choices: { delta?: { content?: string } }[] });
  return chunks.map(({ choices }) => choices[0]?.delta?.content ?? '').join('');
}

type Page = {
  data: { usage_records: { request_id: string | null; input_tokens: number; output_tokens: number }[] };
  links: { next?: string };
};

/** What each stream was billed, by its request. */
async function readBilled({ product }: GatewayBench): Promise<Map<string, { input: number; output: number }>> {
  const billed = new Map<string, { input: number; output: number }>();
  let path = `/v1/organizations/${product.orgId}/usage/records?limit=200`;
  while (path !== '' && billed.size < 3 * STREAMS) {
    const { status, body } = await product.assay.caller.get(path);
    if (status !== 200) throw new Error(`Usage cannot be read: ${status}`);
    const { data, links } = body as Page;
    for (const { request_id: id, input_tokens: input, output_tokens: output } of data.usage_records)
      if (id !== null) billed.set(id, { input, output });
    path = links.next ?? '';
  }
  return billed;
}
