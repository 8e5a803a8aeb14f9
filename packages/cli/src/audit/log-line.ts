import { createHash } from 'node:crypto';
import { canonicalJson } from './canonical-json.ts';
import { leafHashOf } from './merkle-tree.ts';
import { decodeBase64 } from './signed-note.ts';

/*
 * An exported log: a header, entries, and the checkpoint, each a JSON object on a line of its own.
 */

export type Header = { origin: string; orgId: string; size: number; keys: string[] };
export type EntryLine = {
  index: number;
  hash: Buffer;
  /** What is wrong with the entry by itself; null when nothing is. */
  fault: string | null;
  isErased: boolean;
};
export type LogLine =
  | { kind: 'header'; header: Header }
  | { kind: 'entry'; entry: EntryLine }
  | { kind: 'checkpoint'; note: string }
  | { kind: 'unreadable' };

const FORMAT = 'assay-audit-log/1';

type Fields = Record<string, unknown>;

/** Reads a line, and checks what it says of itself. */
export function readLine(text: string): LogLine {
  const line = objectIn(text);
  if (line === null) return { kind: 'unreadable' };
  if (line['type'] === 'header') return readHeader(line);
  if (line['type'] === 'checkpoint') {
    return typeof line['note'] === 'string' ? { kind: 'checkpoint', note: line['note'] } : { kind: 'unreadable' };
  }
  const leaf = line['leaf'];
  if (!isObject(leaf) || !Number.isSafeInteger(line['index'])) return { kind: 'unreadable' };
  const hash = leafHashOf(canonicalJson(leaf));
  return {
    kind: 'entry',
    entry: {
      index: Number(line['index']),
      hash,
      fault: faultOf(line, leaf, hash),
      isErased: leaf['personal_digest'] !== null && line['personal'] === undefined,
    },
  };
}

function readHeader(line: Fields): LogLine {
  const { format, origin, org_id, size, keys } = line;
  if (format !== FORMAT || typeof origin !== 'string' || typeof org_id !== 'string' || !Array.isArray(keys)) {
    return { kind: 'unreadable' };
  }
  const verifiers = keys.flatMap((key) =>
    isObject(key) && typeof key['verifier'] === 'string' ? [key['verifier']] : [],
  );
  return { kind: 'header', header: { origin, orgId: org_id, size: Number(size), keys: verifiers } };
}

function faultOf(line: Fields, leaf: Fields, hash: Buffer): string | null {
  if (line['leaf_hash'] !== hash.toString('base64'))
    return 'it was altered: it does not have the hash that was stored for it';
  if (leaf['index'] !== line['index']) return `it was moved: by its own account it is entry ${String(leaf['index'])}`;
  const { personal_digest: digest } = leaf;
  if (digest === null) return line['personal'] === undefined ? null : 'personal data was added to it';
  if (line['personal'] === undefined) {
    return line['erased'] === true ? null : 'its personal data is gone, and nothing says that it was erased';
  }
  const salt = decodeBase64(String(line['salt']));
  const found = salt && createHash('sha256').update(salt).update(canonicalJson(line['personal'])).digest('hex');
  return found === digest ? null : 'its personal data was altered: it does not match its digest';
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function objectIn(text: string): Fields | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
