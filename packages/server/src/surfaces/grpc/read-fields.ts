import { type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';
import type { AppError } from '../../kernel/errors.ts';
import { invalidFields } from '../http/surface.ts';

/** The refusal of one field. The rule is the end of a sentence. */
export const refusedField = (field: string, constraint: string, rule: string): AppError =>
  invalidFields([{ field, constraint, message: `Field ${field}: ${rule}` }]);

/**
 * A time that the calendar of the database knows: what protobuf calls a timestamp. Null where none is given.
 * @throws AppError `invalid` for other times
 */
export function dateOf(timestamp: Timestamp | undefined, field: string): Date | null {
  if (timestamp === undefined) return null;
  const date = timestampDate(timestamp);
  const year = date.getUTCFullYear();
  if (year >= 1 && year <= 9_999) return date;
  throw refusedField(field, 'range', 'must be a time of the years 1 to 9999');
}

/**
 * What a member of an enum stands for; null for the one that stands for none.
 * @throws AppError `invalid` for a number that no member has
 */
export function memberOf<Name extends string>(
  field: string,
  given: number,
  members: Readonly<Record<Name, number>>,
): Name | null {
  if (given === 0) return null;
  const [found] = Object.entries(members).find(([, member]) => member === given) ?? [];
  if (found !== undefined) return found as Name;
  throw refusedField(field, 'enum', 'there is no such value');
}
