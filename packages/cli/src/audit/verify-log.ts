import { type EntryLine, type Header, readLine } from './log-line.ts';
import { MerkleTree } from './merkle-tree.ts';
import { type Note, type NoteKey, parseNote, parseNoteKey, signerOf } from './signed-note.ts';

/** Something that is not as it must be, and where. `index` is null for what concerns the log as a whole. */
export type Fault = { index: number | null; message: string };
/** `unproven`: nothing says that it is broken, and what would show that it holds is missing. */
export type Verdict = { verdict: 'holds' | 'broken' | 'unproven'; faults: Fault[] };

export type Report = {
  origin: string | null;
  /** Entries that were read. */
  entries: number;
  erased: number;
  checkpoint: { size: number; root: string } | null;
  /** The key that signed, and whether the caller named it or it came with the log. */
  key: { id: string; verifier: string; isPinned: boolean } | null;
  /** Earlier checkpoints that the log was compared with. */
  compared: number;
  integrity: Verdict;
  completeness: Verdict;
};

/** A checkpoint that was kept. One out of a place that holds those of many logs counts only for its own. */
export type KnownCheckpoint = { note: Note; source: string; isAmongMany?: boolean };

/** What the caller knows already of the log. */
export type Known = {
  /** Keys that may sign; without any, those that the log names itself are taken. */
  keys: readonly NoteKey[];
  /** Checkpoints from earlier, from wherever they were kept. */
  checkpoints: readonly KnownCheckpoint[];
};

/** Of faults of one kind the first say where; a thousand more say nothing. */
const MOST_FAULTS = 20;

class Faults {
  readonly #faults: Fault[] = [];
  #count = 0;

  add(index: number | null, message: string): void {
    this.#count += 1;
    if (this.#faults.length < MOST_FAULTS) this.#faults.push({ index, message });
  }

  verdict(isProven: boolean): Verdict {
    const more = this.#count - this.#faults.length;
    const faults = more > 0 ? [...this.#faults, { index: null, message: `… and ${more} more` }] : this.#faults;
    return { verdict: this.#count > 0 ? 'broken' : isProven ? 'holds' : 'unproven', faults };
  }
}

/** Verifies an exported log line by line, holding none of it. */
export async function verifyLog(lines: AsyncIterable<string>, known: Known): Promise<Report> {
  const reading = new LogReading(known);
  for await (const line of lines) if (line !== '') reading.take(line);
  return reading.report();
}

class LogReading {
  readonly #known: Known;
  readonly #tree = new MerkleTree();
  readonly #roots = new Map<number, string>();
  readonly #wanted: Set<number>;
  readonly #integrity = new Faults();
  readonly #completeness = new Faults();
  #header: Header | null = null;
  #note: Note | null = null;
  #lines = 0;
  #entries = 0;
  #erased = 0;
  #next = 0;
  #isDense = true;

  constructor(known: Known) {
    this.#known = known;
    this.#wanted = new Set(known.checkpoints.map(({ note }) => note.size));
  }

  take(text: string): void {
    this.#lines += 1;
    const line = readLine(text);
    switch (line.kind) {
      case 'header':
        if (this.#lines > 1) this.#completeness.add(this.#next, 'a second header stands here');
        this.#header ??= line.header;
        this.#wanted.add(line.header.size);
        this.#keepRoot();
        break;
      case 'entry':
        this.#takeEntry(line.entry);
        break;
      case 'checkpoint':
        this.#takeCheckpoint(line.note);
        break;
      case 'unreadable':
        this.#isDense = false;
        this.#integrity.add(this.#next, `line ${this.#lines} cannot be read`);
    }
  }

  report(): Report {
    const { origin = null } = this.#header ?? {};
    if (!this.#header) this.#completeness.add(null, 'the log has no header in front');
    const key = this.#checkSignature();
    this.#checkEnd();
    const isRooted = this.#checkRoot();
    this.#compare(key === null ? [] : this.#keys());
    return {
      origin,
      entries: this.#entries,
      erased: this.#erased,
      checkpoint: this.#note && { size: this.#note.size, root: this.#note.root },
      key: key && { id: key.id, verifier: key.text, isPinned: this.#known.keys.length > 0 },
      compared: this.#sortedCheckpoints().length,
      integrity: this.#integrity.verdict(isRooted && key !== null),
      completeness: this.#completeness.verdict(this.#note !== null),
    };
  }

  #takeEntry({ index, hash, fault, isErased }: EntryLine): void {
    if (fault !== null) this.#integrity.add(index, fault);
    if (index > this.#next) {
      const last = index - 1;
      this.#completeness.add(this.#next, this.#next === last ? 'it is missing' : `entries up to ${last} are missing`);
    }
    if (index < this.#next) this.#completeness.add(index, 'it stands here a second time, or out of order');
    if (index !== this.#next) this.#isDense = false;
    if (isErased) this.#erased += 1;
    this.#entries += 1;
    this.#next = Math.max(this.#next, index + 1);
    this.#tree.add(hash);
    this.#keepRoot();
    if (this.#note !== null) this.#completeness.add(index, 'it stands behind the checkpoint, which does not cover it');
  }

  #keepRoot(): void {
    if (this.#isDense && this.#wanted.has(this.#tree.size))
      this.#roots.set(this.#tree.size, this.#tree.root().toString('base64'));
  }

  #takeCheckpoint(text: string): void {
    if (this.#note !== null) this.#completeness.add(this.#next, 'a second checkpoint stands here');
    try {
      this.#note = parseNote(text);
    } catch (error) {
      this.#integrity.add(null, error instanceof Error ? error.message : String(error));
    }
  }

  #keys(): NoteKey[] {
    if (this.#known.keys.length > 0) return [...this.#known.keys];
    return (this.#header?.keys ?? []).flatMap((text) => {
      try {
        return [parseNoteKey(text)];
      } catch {
        return [];
      }
    });
  }

  #checkSignature(): NoteKey | null {
    if (this.#note === null) return null;
    const key = signerOf(this.#note, this.#keys());
    if (key === null) {
      const ids = this.#note.signatures.map(({ id }) => id).join(', ') || 'nobody';
      const expected = this.#known.keys.length > 0 ? 'a key that you named' : 'a key that the log names';
      this.#integrity.add(null, `the checkpoint is not signed by ${expected}; it is signed by ${ids}`);
    }
    if (this.#header && this.#note.origin !== this.#header.origin) {
      this.#integrity.add(null, `the checkpoint is that of another log, ${this.#note.origin}`);
    }
    return key;
  }

  #checkEnd(): void {
    if (this.#note === null) {
      this.#completeness.add(this.#next, 'the log ends here, without a checkpoint: the rest is missing');
      return;
    }
    const { size } = this.#note;
    if (this.#next < size) {
      this.#completeness.add(
        this.#next,
        `the log ends here, and the checkpoint says ${size} entries: the rest is missing`,
      );
    }
    if (this.#next > size) {
      this.#completeness.add(size, `from here on nothing is signed: the checkpoint ends with ${size} entries`);
    }
  }

  /** Whether the entries that were read could be held against the signed root. */
  #checkRoot(): boolean {
    if (this.#note === null) return false;
    const isWhole = this.#isDense && this.#tree.size === this.#note.size;
    const root = isWhole ? this.#tree.root().toString('base64') : this.#roots.get(this.#note.size);
    if (root === undefined) return false;
    if (root !== this.#note.root) {
      this.#integrity.add(null, `the entries do not hash into the signed root: ${this.#suspects()}`);
    }
    return true;
  }

  /** Between which earlier checkpoints the change lies. */
  #suspects(): string {
    let from = 0;
    for (const { note } of this.#sortedCheckpoints()) {
      const root = this.#roots.get(note.size);
      if (root === undefined) break;
      if (root !== note.root) return `something changed between entry ${from} and entry ${note.size - 1}`;
      from = note.size;
    }
    return `something changed between entry ${from} and entry ${this.#tree.size - 1}`;
  }

  #sortedCheckpoints(): KnownCheckpoint[] {
    const ofThisLog = this.#known.checkpoints.filter(
      ({ note, isAmongMany }) => !isAmongMany || note.origin === this.#header?.origin,
    );
    return ofThisLog.toSorted((one, other) => one.note.size - other.note.size);
  }

  #compare(keys: readonly NoteKey[]): void {
    let agreed = 0;
    for (const { note, source } of this.#sortedCheckpoints()) {
      const root = note.size === 0 ? note.root : this.#roots.get(note.size);
      if (signerOf(note, keys) === null) {
        this.#completeness.add(null, `the checkpoint in ${source} is not signed by a key of this log`);
      } else if (note.size > this.#tree.size) {
        this.#completeness.add(
          this.#tree.size,
          `the log ends here, and ${source} saw ${note.size} entries: the rest was cut off`,
        );
      } else if (root !== note.root) {
        this.#completeness.add(
          agreed,
          `the log is not the one that ${source} saw: something between here and entry ${note.size - 1} was changed`,
        );
      } else agreed = note.size;
    }
  }
}
