/** A result, and how it looks to each kind of reader. */
export type View = {
  /** The document of `--json`. Its keys are the API's. */
  document: unknown;
  /** What `--quiet` prints, one a line. */
  ids?: readonly string[];
  /** What a person reads; off a terminal the same, separated by tabs. */
  human: Human;
};

export type Human =
  | { kind: 'table'; columns: readonly string[]; rows: readonly (readonly Value[])[]; empty: string }
  | { kind: 'fields'; fields: readonly (readonly [name: string, value: Value])[] }
  | { kind: 'text'; text: string };

export type Value = string | number | boolean | null | undefined;

export const table = (columns: readonly string[], rows: readonly (readonly Value[])[], empty: string): Human => ({
  kind: 'table',
  columns,
  rows,
  empty,
});

export const fields = (...entries: readonly (readonly [name: string, value: Value])[]): Human => ({
  kind: 'fields',
  fields: entries,
});

export const text = (content: string): Human => ({ kind: 'text', text: content });
