import { allRoutes, openApiDocument } from '@assay/contract';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, test } from 'vitest';
import { downgradeTo30 } from './openapi-30.ts';

const about = { title: 'Assay evaluations', version: '0.1.0', description: 'Running untrusted code.' };
const evaluations = allRoutes.filter(({ surface }) => surface === 'evaluations');
const document = downgradeTo30(openApiDocument(evaluations, about));

/** A schema as 3.0 has it. */
const schema = (of: object): unknown => {
  const { components } = downgradeTo30({
    openapi: '3.1.0',
    info: {},
    paths: {},
    components: { schemas: { It: of } },
  }) as {
    components: { schemas: { It: unknown } };
  };
  return components.schemas.It;
};

/** Every object in a document, with its path. */
function* objectsIn(value: unknown, path = '#'): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [path, value as Record<string, unknown>];
  for (const [key, item] of Object.entries(value)) yield* objectsIn(item, `${path}/${key}`);
}

describe('the document in OpenAPI 3.0', () => {
  test('passes the linter without a single problem, examples included', async () => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: {
        'no-invalid-schema-examples': 'error',
        'no-invalid-media-type-examples': 'error',
        'no-invalid-parameter-examples': 'error',
      },
    });
    const problems = await lintFromString({ source: JSON.stringify(document), config });
    expect(problems.map(({ ruleId, message, location }) => [ruleId, message, location[0]?.pointer])).toEqual([]);
  });

  test('says which version it is, and names its licence by address: identifiers came with 3.1', () => {
    expect(document).toMatchObject({
      openapi: '3.0.3',
      info: {
        ...about,
        license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      },
    });
    expect(JSON.stringify(document)).not.toContain('identifier');
  });

  test('has every route of the surface and no other', () => {
    const served = evaluations.map(({ method, path }) => `${method} ${path}`).sort();
    const shown = Object.entries(document['paths'] as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(shown.sort()).toEqual(served);
  });

  test('has no word that 3.0 does not know', () => {
    const words = [
      'const',
      '$schema',
      '$defs',
      'examples',
      'prefixItems',
      'propertyNames',
      'patternProperties',
      'contentEncoding',
    ];
    for (const [path, object] of objectsIn(document)) {
      if (path.endsWith('/properties')) continue;
      for (const word of words) expect(object, path).not.toHaveProperty([word]);
      expect(Array.isArray(object['type']), path).toBe(false);
      expect(object['type'], path).not.toBe('null');
      expect(typeof object['exclusiveMinimum'], path).not.toBe('number');
    }
  });
});

describe('a schema', () => {
  test.each([
    ['one type or null', { type: ['string', 'null'], maxLength: 3 }, { type: 'string', nullable: true, maxLength: 3 }],
    ['several types', { type: ['string', 'integer'] }, { anyOf: [{ type: 'string' }, { type: 'integer' }] }],
    [
      'several types or null',
      { type: ['string', 'integer', 'null'] },
      { anyOf: [{ type: 'string' }, { type: 'integer' }], nullable: true },
    ],
    [
      'a schema or null',
      { anyOf: [{ type: 'string', maxLength: 3 }, { type: 'null' }], description: 'It.' },
      { type: 'string', maxLength: 3, description: 'It.', nullable: true },
    ],
    [
      'a reference or null, beside which 3.0 reads nothing',
      { anyOf: [{ $ref: '#/x' }, { type: 'null' }] },
      { allOf: [{ $ref: '#/x' }], nullable: true },
    ],
    [
      'two schemas or null',
      { anyOf: [{ type: 'string' }, { type: 'integer' }, { type: 'null' }] },
      { anyOf: [{ type: 'string' }, { type: 'integer' }], nullable: true },
    ],
    [
      'two schemas',
      { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      { anyOf: [{ type: 'string' }, { type: 'integer' }] },
    ],
    ['a constant', { type: 'string', const: 'a' }, { type: 'string', enum: ['a'] }],
    ['more than', { type: 'number', exclusiveMinimum: 0 }, { type: 'number', minimum: 0, exclusiveMinimum: true }],
    ['less than', { type: 'number', exclusiveMaximum: 9 }, { type: 'number', maximum: 9, exclusiveMaximum: true }],
    [
      'names',
      { type: 'object', propertyNames: { type: 'string' }, additionalProperties: {} },
      { type: 'object', additionalProperties: {} },
    ],
  ])('of %s', (_name, of, expected) => {
    expect(schema(of)).toEqual(expected);
  });

  test('keeps properties that are called like words of JSON Schema', () => {
    const properties = { const: { type: 'string' }, type: { type: 'string' }, propertyNames: { type: 'string' } };
    expect(schema({ type: 'object', properties })).toEqual({ type: 'object', properties });
  });

  test('keeps data as it is', () => {
    const data = { default: { const: 1, type: 'null' }, example: { type: ['a', 'null'] }, enum: [null, 'a'] };
    expect(schema(data)).toEqual(data);
  });
});
