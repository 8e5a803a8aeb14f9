import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { EntryFields } from './model.ts';

/** The form of a leaf. Another set of fields is another number. */
const VERSION = 1;

/**
 * The leaf as it is hashed: an object whose canonical JSON (RFC 8785) are the bytes of the leaf. Whoever has it can check
 * it; what is personal is in it as a salted digest.
 */
export function leafDocument(entry: EntryFields, personalDigest: Buffer | null): Record<string, unknown> {
  return {
    v: VERSION,
    org_id: entry.orgId,
    index: entry.index,
    id: entry.id,
    timestamp: entry.at,
    event_type: entry.action,
    category: entry.category,
    actor: entry.actor,
    outcome: entry.outcome,
    principal: entry.principal,
    credential: entry.credential,
    via: entry.via,
    target: entry.target,
    request_id: entry.requestId,
    trace_id: entry.traceId,
    detail: entry.detail,
    personal_digest: personalDigest === null ? null : personalDigest.toString('hex'),
  };
}

export const leafBytes = (document: Record<string, unknown>): Buffer => Buffer.from(canonicalize(document) ?? '');

/** SHA-256 over salt and canonical JSON. Without the salt nobody can try out addresses against a digest that was left. */
export const personalDigestOf = (salt: Buffer, personal: Record<string, unknown>): Buffer =>
  createHash('sha256')
    .update(salt)
    .update(canonicalize(personal) ?? '')
    .digest();
