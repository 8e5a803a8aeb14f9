import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Floor } from './floor.ts';

const snapshot = (xmin: number, xmax: number) => ({ xmin: BigInt(xmin), xmax: BigInt(xmax) });

test('the look begins behind what was placed, once all that ran then has ended', () => {
  const floor = new Floor();
  expect(floor.begin(snapshot(10, 11), 0)).toBe(0);
  floor.end({ lastId: 500, isAll: true }, 0);
  // 12 began before id 500 was surely numbered, and still runs.
  expect(floor.begin(snapshot(12, 20), 1_000)).toBe(0);
  floor.end({ lastId: 600, isAll: true }, 1_000);
  expect(floor.begin(snapshot(19, 30), 1_100)).toBe(0);
  floor.end({ lastId: 700, isAll: true }, 1_100);
  expect(floor.begin(snapshot(20, 40), 1_200)).toBe(0);
  floor.end({ lastId: 800, isAll: true }, 1_200);
  expect(floor.begin(snapshot(30, 40), 1_300)).toBe(500);
});

test('it does not rise over leaves that a full batch left behind', () => {
  const floor = new Floor();
  floor.begin(snapshot(10, 10), 0);
  floor.end({ lastId: 900, isAll: true }, 0);
  floor.begin(snapshot(10, 10), 1_000);
  floor.end({ lastId: 800, isAll: false }, 1_000);
  expect(floor.begin(snapshot(10, 10), 1_100)).toBe(0);
  floor.end({ lastId: 901, isAll: false }, 1_100);
  expect(floor.begin(snapshot(10, 10), 1_200)).toBe(900);
});

test('now and then it looks at everything, and at once when it is told to', () => {
  const floor = new Floor();
  for (const now of [0, 1_000, 1_100]) {
    floor.begin(snapshot(10, 10), now);
    floor.end({ lastId: 5, isAll: true }, now);
  }
  expect(floor.begin(snapshot(10, 10), 29_999)).toBe(5);
  expect(floor.begin(snapshot(10, 10), 30_000)).toBe(0);
  expect(floor.begin(snapshot(10, 10), 30_100)).toBe(5);
  floor.reset();
  expect(floor.begin(snapshot(10, 10), 30_200)).toBe(0);
});

/** Writers that take an id and a transaction number together, and commit in any order; the sequencer looks in between. */
class Model {
  readonly #floor = new Floor();
  readonly #running: number[] = [];
  #waiting: number[] = [];
  #given = 0;
  #now = 0;

  write(): void {
    this.#given += 1;
    this.#running.push(this.#given);
  }

  commit(some: number): void {
    this.#waiting.push(...this.#running.splice(some % Math.max(1, this.#running.length), 1));
  }

  look(most: number, afterMs: number): void {
    this.#now += afterMs;
    const past = this.#given + 1;
    const behind = this.#floor.begin(snapshot(Math.min(past, ...this.#running), past), this.#now);
    for (const left of this.#waiting) expect(left).toBeGreaterThan(behind);
    const placed = this.#waiting.toSorted((one, other) => one - other).slice(0, most);
    this.#waiting = this.#waiting.filter((left) => !placed.includes(left));
    this.#floor.end({ lastId: placed.at(-1) ?? null, isAll: placed.length < most }, this.#now);
  }
}

test('nothing that is committed is ever below the floor and not placed', () => {
  const step = fc.oneof(
    fc.constant((model: Model) => model.write()),
    fc.nat().map((some) => (model: Model) => model.commit(some)),
    fc.record({ most: fc.integer({ min: 1, max: 3 }), afterMs: fc.integer({ min: 0, max: 2_000 }) }).map(
      ({ most, afterMs }) =>
        (model: Model) =>
          model.look(most, afterMs),
    ),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const model = new Model();
      for (const act of steps) act(model);
    }),
    { numRuns: 500 },
  );
});
