import type { Json } from '../../../kernel/json.ts';
import type { JsonObject } from '../model.ts';

/*
 * Languages that definitions are written in. All three are foreign programs: they run on a thread of their own, for a
 * bounded time and with bounded memory.
 *
 * cel          a condition (https://cel.dev); integral numbers are `int`, others `double`
 * cel_key      what gives a key, likewise: a text, a number, true, false, or null for none
 * jsonata      a transformation of JSON (https://jsonata.org)
 * json_schema  JSON Schema, draft 2020-12
 */
export type Program =
  | { language: 'cel'; source: string }
  | { language: 'cel_key'; source: string }
  | { language: 'jsonata'; source: string }
  | { language: 'json_schema'; schema: JsonObject };

/** Asked of the thread: whether a program can be read, or, with variables, what it makes of them. */
export type Question = { program: Program; variables: JsonObject | null };

/** What does not fit a schema. `path` is as JSON Pointer writes it (RFC 6901). */
export type SchemaFault = { path: string; message: string };

export type Reply = { ok: true; value: Json } | { ok: false; message: string; faults: readonly SchemaFault[] };
