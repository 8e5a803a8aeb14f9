type JsonObject = { [key: string]: unknown };

/**
 * Rewrites an OpenAPI 3.1 document as 3.0.3, for crucible-platform's clients: JSON Schema's type lists and `null`
 * become `nullable`, `const` a one-value `enum`, exclusive bounds flags, examples and licence identifiers what 3.0 has.
 */
export function downgradeTo30(document: JsonObject): JsonObject {
  const { info, ...rest } = document as { info: JsonObject };
  const { license: _license, ...about } = info;
  return {
    ...(rewrite(rest) as JsonObject),
    openapi: '3.0.3',
    info: { ...about, license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' } },
  };
}

const UNKNOWN_TO_30 = new Set([
  '$schema',
  'propertyNames',
  'contentEncoding',
  'patternProperties',
  'unevaluatedProperties',
]);

/** What holds data and no schema: a word in it means nothing. */
const DATA = new Set(['example', 'examples', 'default', 'enum']);

function rewrite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rewrite);
  if (typeof value !== 'object' || value === null) return value;
  const source = value as JsonObject;
  const result: JsonObject = {};
  for (const [key, item] of Object.entries(source)) if (!UNKNOWN_TO_30.has(key)) result[key] = rewriteUnder(key, item);
  if ('const' in source) {
    delete result['const'];
    result['enum'] = [source['const']];
  }
  for (const [exclusive, plain] of [
    ['exclusiveMinimum', 'minimum'],
    ['exclusiveMaximum', 'maximum'],
  ] as const) {
    if (typeof source[exclusive] === 'number') {
      result[plain] = source[exclusive];
      result[exclusive] = true;
    }
  }
  return nullable(result);
}

/** Properties are named by us, and one may be called like a word of JSON Schema. */
function rewriteUnder(key: string, item: unknown): unknown {
  if (DATA.has(key)) return item;
  if (key !== 'properties') return rewrite(item);
  return Object.fromEntries(Object.entries(item as JsonObject).map(([name, schema]) => [name, rewrite(schema)]));
}

/** `anyOf: [X, null]` and `type: [T, null]` in the way of 3.0. */
function nullable(schema: JsonObject): JsonObject {
  const types = schema['type'];
  if (types === 'null') return { ...schema, type: 'object', nullable: true, maxProperties: 0 };
  if (Array.isArray(types)) {
    const { type: _types, ...rest } = schema;
    const real = types.filter((type) => type !== 'null');
    const isNullable = real.length < types.length ? { nullable: true } : {};
    const [only] = real;
    return real.length === 1
      ? { ...rest, type: only, ...isNullable }
      : { ...rest, anyOf: real.map((type) => ({ type })), ...isNullable };
  }
  const choices = schema['anyOf'];
  if (!Array.isArray(choices)) return schema;
  const isNull = (choice: JsonObject): boolean => choice['nullable'] === true && choice['maxProperties'] === 0;
  const real = choices.filter((choice: JsonObject) => !isNull(choice));
  if (real.length === choices.length) return schema;
  const { anyOf: _anyOf, ...rest } = schema;
  const [only] = real;
  if (real.length !== 1 || !only) return { ...rest, anyOf: real, nullable: true };
  return '$ref' in only ? { ...rest, allOf: [only], nullable: true } : { ...rest, ...only, nullable: true };
}
