import { randomInt, randomUUID } from 'node:crypto';

declare const brand: unique symbol;
/** A string that only the function that makes it can give. */
export type Id<Name extends string> = string & { readonly [brand]: Name };

export type OrganizationId = Id<'organization'>;
export type UserId = Id<'user'>;
export type ApiKeyId = Id<'api_key'>;
export type EvaluationId = Id<'evaluation'>;
export type AssetId = Id<'asset'>;
export type RunnerId = Id<'runner'>;

/** A random UUID, version 4 (RFC 9562). */
export const newId = (): string => randomUUID();

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
/** Whether a string is a UUID in its canonical text form (RFC 9562 section 4). */
export const isUuid = (text: string): boolean => UUID.test(text);

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';

/**
 * An evaluation's id, `eval_YYYYMMDD_HHMMSS_xxxxxx` in UTC (crucible-platform). The six characters leave 2·10⁹
 * ids a second, so two may clash on a busy day: the table's unique index is what decides, and submit tries again.
 */
export function newEvaluationId(now: Date): EvaluationId {
  const digits = now.toISOString().replace(/[-:]/g, '');
  const suffix = Array.from({ length: 6 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `eval_${digits.slice(0, 8)}_${digits.slice(9, 15)}_${suffix}` as EvaluationId;
}
