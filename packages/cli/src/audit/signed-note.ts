import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/** A public key as signed notes name it (C2SP signed-note): `<name>+<id>+<base64 of algorithm and key>`. */
export type NoteKey = { name: string; id: string; text: string; key: KeyObject };

/** A checkpoint (C2SP tlog-checkpoint), with what it is signed over. */
export type Note = {
  origin: string;
  size: number;
  root: string;
  text: string;
  signatures: { name: string; id: string; bytes: Buffer }[];
};

/** Bytes of base64 in the one form that they have; null for any other. */
export function decodeBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

const ED25519 = 1;
/** SubjectPublicKeyInfo of an Ed25519 key, up to the key itself (RFC 8410). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Reads a key.
 * @throws Error when it is not one, or its id is not that of its name and bytes
 */
export function parseNoteKey(text: string): NoteKey {
  const [, name, id, encoded] = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text.trim()) ?? [];
  const bytes = Buffer.from(encoded ?? '', 'base64');
  if (name === undefined || id === undefined || bytes[0] !== ED25519 || bytes.length !== 33) {
    throw new Error(`"${text.trim()}" is no key of a checkpoint (<name>+<id>+<base64>).`);
  }
  const expected = createHash('sha256').update(`${name}\n`).update(bytes).digest('hex').slice(0, 8);
  if (expected !== id) throw new Error(`The key ${name}+${id} does not have the id of its bytes: it was mistyped.`);
  const key = createPublicKey({ key: Buffer.concat([SPKI, bytes.subarray(1)]), format: 'der', type: 'spki' });
  return { name, id, text: text.trim(), key };
}

/**
 * Reads a checkpoint; says nothing of its signature.
 * @throws Error when it is not one
 */
export function parseNote(note: string): Note {
  const split = note.indexOf('\n\n');
  const text = note.slice(0, split + 1);
  const [origin, size, root, ...extensions] = text.split('\n');
  const isOne =
    split > 0 &&
    origin &&
    /^(0|[1-9]\d{0,15})$/.test(size ?? '') &&
    /^[A-Za-z0-9+/]{43}=$/.test(root ?? '') &&
    extensions.at(-1) === '';
  if (!isOne) throw new Error('This is no checkpoint: it must hold an origin, a size, a root and a signature.');
  const signatures = note
    .slice(split + 2)
    .split('\n')
    .flatMap((line) => {
      const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
      const bytes = decodeBase64(encoded ?? '');
      return name === undefined || bytes?.length !== 68
        ? []
        : [{ name, id: bytes.subarray(0, 4).toString('hex'), bytes: bytes.subarray(4) }];
    });
  return { origin: origin as string, size: Number(size), root: root as string, text, signatures };
}

/** The key that a checkpoint is rightly signed with; null when it is none of these. */
export function signerOf(note: Note, keys: readonly NoteKey[]): NoteKey | null {
  for (const { name, id, bytes } of note.signatures) {
    const key = keys.find((one) => one.name === name && one.id === id && name === note.origin);
    if (key && verify(null, Buffer.from(note.text), key.key, bytes)) return key;
  }
  return null;
}
