import { createHash } from 'node:crypto';

/** Values that may be bound to a statement's `$n`. Objects that are not listed go as JSON, through `JSON.stringify`. */
export type SqlValue = string | number | boolean | bigint | Date | Buffer | null | readonly SqlValue[];

declare const row: unique symbol;
/**
 * A static SQL statement, prepared once per connection under `name`. `Row` is what each result row looks like;
 * it is a claim that only the store beside the SQL may make.
 */
export type Statement<Row> = { readonly name: string; readonly text: string; readonly [row]?: Row };

/** A statement with its values. */
export type Bound<Row = unknown> = { readonly statement: Statement<Row>; readonly values: readonly SqlValue[] };

/**
 * Declares a static statement. `name` is dotted and unique (`evaluations.insert`); a digest of the text is added,
 * so that two releases sharing one server connection pooler never mix up their statements.
 */
export function statement<Row>(name: string, text: string): Statement<Row> {
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return { name: `${name}:${digest}`.slice(-63), text };
}

export const bind = <Row>(of: Statement<Row>, values: readonly SqlValue[]): Bound<Row> => ({ statement: of, values });
