import type { Route } from '@assay/contract';

type Schema = { _zod: { input: unknown; output: unknown } };

/** What a route takes as its body; undefined when it takes none. */
export type BodyOf<R extends Route> = R extends { body: infer S extends Schema } ? S['_zod']['input'] : undefined;

/** What a route takes in its query string; every field has a default at the server or may be left out. */
export type QueryOf<R extends Route> = R extends { query: infer S extends Schema }
  ? { [Field in keyof S['_zod']['output']]?: S['_zod']['output'][Field] | undefined }
  : undefined;

/** The path parameters of a route. */
export type ParamsOf<R extends Route> = R extends { params: infer S extends Schema } ? S['_zod']['output'] : undefined;

/** What a route answers, over all the statuses that it declares. */
export type AnswerOf<R extends Route> = {
  [Status in keyof R['answers']]: R['answers'][Status] extends { schema: infer S extends Schema }
    ? S['_zod']['output']
    : undefined;
}[keyof R['answers']];

/** A call to a route. Method, path and fields are held against the contract when this compiles. */
export type CallOf<R extends Route> = { method: R['method']; path: R['path'] } & Field<'params', ParamsOf<R>> &
  Field<'query', QueryOf<R>> &
  Field<'body', BodyOf<R>>;

type Field<Name extends string, Value> = [Value] extends [undefined] ? unknown : { [Key in Name]: Value };
