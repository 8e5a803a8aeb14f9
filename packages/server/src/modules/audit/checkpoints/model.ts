import { createHash, type KeyObject, sign } from 'node:crypto';

/*
 * Checkpoints as C2SP tlog-checkpoint and signed-note say:
 *
 *   assay/audit/<organization>      origin: names the log
 *   <size>
 *   <root, base64>
 *
 *   — <key name> <base64 of key id and signature>
 */

/** Algorithm byte of Ed25519 in signed notes. */
const ED25519 = Buffer.of(1);

export type CheckpointKey = { id: string; privateKey: KeyObject; publicKey: Buffer };

/** Names the log of an organization; the name of its key too. Never changes, wherever the installation moves. */
export const originOf = (orgId: string): string => `assay/audit/${orgId}`;

/** The key id of signed notes: it depends on the name, so one key has another id in each log. */
function keyIdOf(name: string, publicKey: Buffer): Buffer {
  return createHash('sha256').update(`${name}\n`).update(ED25519).update(publicKey).digest().subarray(0, 4);
}

/** How people keep a key: `<name>+<id>+<base64>`, the form that every tool for signed notes takes. */
export const verifierKeyOf = (name: string, publicKey: Buffer): string =>
  `${name}+${keyIdOf(name, publicKey).toString('hex')}+${Buffer.concat([ED25519, publicKey]).toString('base64')}`;

export function signCheckpoint(key: CheckpointKey, tree: { orgId: string; size: number; root: Buffer }): string {
  const origin = originOf(tree.orgId);
  const text = `${origin}\n${tree.size}\n${tree.root.toString('base64')}\n`;
  const signature = Buffer.concat([keyIdOf(origin, key.publicKey), sign(null, Buffer.from(text), key.privateKey)]);
  return `${text}\n— ${origin} ${signature.toString('base64')}\n`;
}
