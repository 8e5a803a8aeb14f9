import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from './canonical-json.ts';
import { leafHashOf, MerkleTree } from './merkle-tree.ts';
import { type Note, parseNote, parseNoteKey, signerOf } from './signed-note.ts';
import { type Known, type Report, verifyLog } from './verify-log.ts';

const ORGANIZATION = '3f1c0a52-6f0e-4bd8-9d4f-0b1e9a4f7c11';
const ORIGIN = `assay/audit/${ORGANIZATION}`;

/** A key as the server makes one, written by the rules of signed notes. */
function aKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const bytes = Buffer.concat([Buffer.of(1), publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)]);
  const id = createHash('sha256').update(`${ORIGIN}\n`).update(bytes).digest().subarray(0, 4);
  return { privateKey, id, verifier: `${ORIGIN}+${id.toString('hex')}+${bytes.toString('base64')}` };
}
type Key = ReturnType<typeof aKey>;
const key = aKey();

function noteOf(leaves: readonly Leaf[], signed: Key = key): string {
  const tree = new MerkleTree();
  for (const leaf of leaves) tree.add(leafHashOf(canonicalJson(leaf)));
  const text = `${ORIGIN}\n${leaves.length}\n${tree.root().toString('base64')}\n`;
  const signature = Buffer.concat([signed.id, sign(null, Buffer.from(text), signed.privateKey as KeyObject)]);
  return `${text}\n— ${ORIGIN} ${signature.toString('base64')}\n`;
}

type Leaf = Record<string, unknown>;
const salt = Buffer.from('0123456789abcdef');
const personal = { address: '203.0.113.7' };
const digest = createHash('sha256').update(salt).update(canonicalJson(personal)).digest('hex');
const leafAt = (index: number): Leaf => ({ v: 1, index, event_type: `thing.made_${index}`, personal_digest: digest });
const leavesOf = (count: number): Leaf[] => Array.from({ length: count }, (_, index) => leafAt(index));

const entry = (leaf: Leaf, index = Number(leaf['index'])) => ({
  index,
  leaf_hash: leafHashOf(canonicalJson(leaf)).toString('base64'),
  leaf,
  personal: personal as unknown,
  salt: salt.toString('base64') as unknown,
});
type Entry = ReturnType<typeof entry>;
const header = (size: number, signed = key) => ({
  type: 'header',
  format: 'assay-audit-log/1',
  origin: ORIGIN,
  org_id: ORGANIZATION,
  size,
  keys: [{ verifier: signed.verifier }],
});

type Log = { header: object; entries: object[]; note: string | null };
const aLog = (count: number): Omit<Log, 'entries'> & { entries: Entry[] } => ({
  header: header(count),
  entries: leavesOf(count).map((leaf) => entry(leaf)),
  note: noteOf(leavesOf(count)),
});

const pinned: Known = { keys: [parseNoteKey(key.verifier)], checkpoints: [] };
async function verify(log: Log, known: Known = pinned): Promise<Report> {
  const lines = [log.header, ...log.entries, ...(log.note === null ? [] : [{ type: 'checkpoint', note: log.note }])];
  async function* read() {
    for (const line of lines) yield JSON.stringify(line);
  }
  return verifyLog(read(), known);
}
const verdictsOf = ({ integrity, completeness }: Report) => [integrity.verdict, completeness.verdict];
const earlier = (leaves: readonly Leaf[], signed = key): { note: Note; source: string } => ({
  note: parseNote(noteOf(leaves, signed)),
  source: 'kept.txt',
});

describe('a log that nobody touched', () => {
  test.each([0, 1, 2, 3, 7, 8, 300])('of %d entries holds in both', async (count) => {
    const report = await verify(aLog(count));
    expect(verdictsOf(report)).toEqual(['holds', 'holds']);
    expect(report).toMatchObject({ origin: ORIGIN, entries: count, erased: 0, key: { isPinned: true } });
  });

  test('holds beside every checkpoint from earlier', async () => {
    const checkpoints = [0, 1, 4, 9, 10].map((size) => earlier(leavesOf(size)));
    expect(verdictsOf(await verify(aLog(10), { ...pinned, checkpoints }))).toEqual(['holds', 'holds']);
  });

  test('holds where personal data was erased, and says of how many', async () => {
    const log = aLog(5);
    const { personal: _one, salt: _other, ...erased } = log.entries[2] as Entry;
    const report = await verify({ ...log, entries: log.entries.with(2, { ...erased, erased: true } as never) });
    expect([...verdictsOf(report), report.erased]).toEqual(['holds', 'holds', 1]);
  });

  test('is believed by its own key where the caller has none, and that is said', async () => {
    expect(await verify(aLog(2), { keys: [], checkpoints: [] })).toMatchObject({ key: { isPinned: false } });
  });
});

describe('the integrity is broken', () => {
  test('by an entry that was altered, and it is named', async () => {
    const log = aLog(9);
    const touched = log.entries[4];
    const altered = { ...touched, leaf: { ...touched?.leaf, event_type: 'nothing.happened' } };
    const report = await verify({ ...log, entries: log.entries.with(4, altered as Entry) });
    expect(report.integrity).toMatchObject({ verdict: 'broken', faults: [{ index: 4 }, { index: null }] });
    expect(report.completeness.verdict).toBe('holds');
  });

  test('by one whose stored hash was altered with it: between the checkpoints that were kept', async () => {
    const log = aLog(9);
    const altered = entry({ ...leafAt(6), event_type: 'nothing.happened' });
    const known = { ...pinned, checkpoints: [earlier(leavesOf(4)), earlier(leavesOf(8))] };
    const report = await verify({ ...log, entries: log.entries.with(6, altered) }, known);
    expect(report.integrity.faults[0]?.message).toContain('between entry 4 and entry 7');
    expect(report.completeness.faults).toMatchObject([{ index: 4 }]);
  });

  test('by entries that changed places', async () => {
    const log = aLog(9);
    const [one, other] = [entry(leafAt(6), 3), entry(leafAt(3), 6)];
    const report = await verify({ ...log, entries: log.entries.with(3, one).with(6, other) });
    expect(report.integrity.faults.map(({ index }) => index)).toEqual([3, 6, null]);
  });

  test('by personal data that was altered, taken away or added', async () => {
    const log = aLog(4);
    const { personal: _gone, ...without } = log.entries[2] as Entry;
    const added = { ...entry({ ...leafAt(3), personal_digest: null }), personal: { address: 'x' } };
    const entries = [...log.entries.slice(0, 1), { ...log.entries[1], personal: { address: 'x' } }, without, added];
    const report = await verify({ ...log, entries });
    expect(report.integrity.faults.slice(0, 3).map(({ index }) => index)).toEqual([1, 2, 3]);
  });

  test('by a checkpoint that another key signed, also when the log names that one', async () => {
    const forger = aKey();
    const forged = { ...aLog(4), header: header(4, forger), note: noteOf(leavesOf(4), forger) };
    const report = await verify(forged);
    expect(report.integrity).toMatchObject({ verdict: 'broken', faults: [{ index: null }] });
    expect(report.integrity.faults[0]?.message).toContain(forger.id.toString('hex'));
    const unpinned = await verify(forged, { keys: [], checkpoints: [earlier(leavesOf(2))] });
    expect(unpinned.completeness.faults[0]?.message).toContain('not signed by a key of this log');
  });

  test('by a line that cannot be read', async () => {
    const report = await verify({ ...aLog(3), entries: [{ what: 'is this' }, ...aLog(3).entries] });
    expect(report.integrity.faults[0]).toMatchObject({ index: 0, message: 'line 2 cannot be read' });
  });

  test('by any one character of the log that says another thing', async () => {
    const { header: head, entries, note } = aLog(3);
    const text = [head, ...entries, { type: 'checkpoint', note }].map((line) => JSON.stringify(line)).join('\n');
    const from = text.indexOf('\n');
    for (let at = from; at < text.length; at++) {
      const altered = `${text.slice(0, at)}${text[at] === '7' ? '8' : '7'}${text.slice(at + 1)}`;
      async function* read() {
        yield* altered.split('\n');
      }
      expect(verdictsOf(await verifyLog(read(), pinned)), `character ${at}`).not.toEqual(['holds', 'holds']);
    }
  });
});

describe('the completeness is broken', () => {
  test.each([
    ['at its place by an entry that is missing', aLog(9).entries.toSpliced(5, 1), 5],
    ['at its place by several', aLog(9).entries.toSpliced(2, 4), 2],
    ['at the end by a log that was cut', aLog(9).entries.slice(0, 7), 7],
    ['at its place by an entry that stands there twice', aLog(9).entries.toSpliced(5, 0, entry(leafAt(4))), 4],
  ])('%s', async (_name, entries, index) => {
    const report = await verify({ ...aLog(9), entries });
    expect(report.completeness).toMatchObject({ verdict: 'broken', faults: [{ index }] });
    expect(report.integrity.verdict).not.toBe('holds');
  });

  test('by an entry that nobody signed, while the signed ones hold', async () => {
    const report = await verify({ ...aLog(4), entries: leavesOf(6).map((leaf) => entry(leaf)) });
    expect(report.completeness).toMatchObject({ verdict: 'broken', faults: [{ index: 4 }] });
    expect(report.integrity.verdict).toBe('holds');
  });

  test('by the end of the checkpoint', async () => {
    const report = await verify({ ...aLog(4), note: null });
    expect(report.completeness).toMatchObject({ verdict: 'broken', faults: [{ index: 4 }] });
    expect(report.integrity.verdict).toBe('unproven');
  });

  test('by a log that was cut with its checkpoint, beside one from before', async () => {
    const report = await verify(aLog(5), { ...pinned, checkpoints: [earlier(leavesOf(8))] });
    expect(report.integrity.verdict).toBe('holds');
    expect(report.completeness.faults).toEqual([
      { index: 5, message: 'the log ends here, and kept.txt saw 8 entries: the rest was cut off' },
    ]);
  });

  test('by no checkpoint of another log, where many are kept in one place', async () => {
    const foreign = { ...earlier(leavesOf(8)), isAmongMany: true };
    foreign.note = { ...foreign.note, origin: 'assay/audit/another' };
    const report = await verify(aLog(5), {
      ...pinned,
      checkpoints: [foreign, { ...earlier(leavesOf(2)), isAmongMany: true }],
    });
    expect([...verdictsOf(report), report.compared]).toEqual(['holds', 'holds', 1]);
  });

  test('by a log that was written anew and signed with the right key, beside checkpoints from before', async () => {
    const anew = leavesOf(9).with(5, { ...leafAt(5), event_type: 'nothing.happened' });
    const log = { header: header(9), entries: anew.map((leaf) => entry(leaf)), note: noteOf(anew) };
    expect(verdictsOf(await verify(log))).toEqual(['holds', 'holds']);
    const checkpoints = [earlier(leavesOf(3)), earlier(leavesOf(8))];
    const report = await verify(log, { ...pinned, checkpoints });
    expect(report.completeness.faults).toMatchObject([{ index: 3 }]);
  });
});

describe('canonical JSON', () => {
  test('is that of RFC 8785', () => {
    const value = {
      '€': 1,
      '\r': 2,
      '\ufb33': 3,
      '1': 4,
      '😀': 5,
      '\u0080': 6,
      ö: 7,
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, -0],
    };
    expect(canonicalJson(value)).toBe(
      '{"\\r":2,"1":4,"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
    );
  });
});

describe('a signed note', () => {
  test('that Go signs is verified', () => {
    // From the specification of signed notes (C2SP), and golang.org/x/mod/sumdb/note.
    const verifier = parseNoteKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
    expect(verifier).toMatchObject({ name: 'PeterNeumann', id: 'c74f20a3' });
  });

  test.each(['', 'a+b', 'PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'])(
    'has no key %j',
    (text) => {
      expect(() => parseNoteKey(text)).toThrow();
    },
  );

  test.each(['', 'x', `${ORIGIN}\n1\n`, `${ORIGIN}\n01\n${'A'.repeat(43)}=\n\n`, `${ORIGIN}\n1\nAAAA\n\n`])(
    'is not %j',
    (text) => {
      expect(() => parseNote(text)).toThrow();
    },
  );

  test('holds for its own name only', () => {
    const note = parseNote(noteOf(leavesOf(1)));
    expect(signerOf(note, [parseNoteKey(key.verifier)])).not.toBeNull();
    expect(signerOf({ ...note, origin: 'assay/audit/another' }, [parseNoteKey(key.verifier)])).toBeNull();
  });
});
