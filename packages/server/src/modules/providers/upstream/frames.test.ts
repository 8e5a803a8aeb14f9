import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lineFrames, sseFrames } from './frames.ts';

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A text cut into chunks at the given places. */
async function* cut(text: string, places: readonly number[]): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.subarray(start, end);
    start = end;
  }
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 30 });
const line = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, ''));

describe('server-sent events', () => {
  test('are the same however the bytes were cut, line ends of either kind', async () => {
    const event = fc.record({
      name: fc.option(fc.constantFrom('ping', 'delta')),
      data: fc.array(line, { minLength: 1, maxLength: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        cuts,
        async (events, end, places) => {
          const text = events
            .map(({ name, data }) =>
              [...(name === null ? [] : [`event: ${name}`]), ...data.map((each) => `data: ${each}`), '', ''].join(end),
            )
            .join('');
          const frames = await all(sseFrames(cut(text, places)));
          expect(frames.map(({ event: name, data }) => ({ name, data }))).toEqual(
            events.map(({ name, data }) => ({ name, data: data.join('\n') })),
          );
          expect(Buffer.concat(frames.map(({ raw }) => raw)).toString()).toBe(text);
        },
      ),
    );
  });

  test('without data, and comments, are left out; a last one without its blank line is not', async () => {
    const frames = await all(sseFrames(cut(': keep-alive\n\nevent: x\n\ndata:a\n\ndata: b', [])));
    expect(frames.map(({ data }) => data)).toEqual(['a', 'b']);
  });

  test('that never end are cut off', async () => {
    const endless = async function* (): AsyncGenerator<Buffer> {
      for (;;) yield Buffer.alloc(1 << 20, 'x');
    };
    await expect(all(sseFrames(endless()))).rejects.toMatchObject({ failure: { reason: 'interrupted' } });
  });
});

test('lines are the same however the bytes were cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        line.filter((text) => text.trim() !== ''),
        { maxLength: 8 },
      ),
      cuts,
      async (lines, places) => {
        const frames = await all(lineFrames(cut(lines.map((each) => `${each}\n`).join(''), places)));
        expect(frames.map(({ data }) => data)).toEqual(lines.map((each) => each.trim()));
      },
    ),
  );
});
