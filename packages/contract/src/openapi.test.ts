import { createConfig, lintFromString } from '@redocly/openapi-core';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { allRoutes, openApiDocument, type Route } from './index.ts';

type Operation = {
  operationId: string;
  summary: string;
  security: object[];
  parameters?: { name: string; in: string; required: boolean; schema: object }[];
  requestBody?: { content: Record<string, { schema: object }> };
  responses: Record<string, { headers?: object; content?: Record<string, { schema: object }> }>;
};
type Document = {
  info: object;
  tags: { name: string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
};

const about = { title: 'Assay', version: '0.1.0', description: 'A self-hosted control plane for AI work.' };
const documentOf = (routes: readonly Route[]): Document => openApiDocument(routes, about) as Document;
const document = documentOf(allRoutes);
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
);
const operationOf = ({ method, path }: Pick<Route, 'method' | 'path'>): Operation =>
  document.paths[path]?.[method.toLowerCase()] as Operation;

/** What the linter has to say, as rule and place. */
async function lint(of: unknown): Promise<string[]> {
  const config = await createConfig({
    extends: ['recommended-strict'],
    rules: {
      'no-invalid-schema-examples': 'error',
      'no-invalid-media-type-examples': 'error',
      'no-invalid-parameter-examples': 'error',
    },
  });
  const problems = await lintFromString({ source: JSON.stringify(of), config });
  return problems.map(({ ruleId, location, message }) => `${ruleId} at ${location[0]?.pointer}: ${message}`);
}

describe('the document', () => {
  test('passes the linter without a single problem, examples included', async () => {
    expect(await lint(document)).toEqual([]);
  });

  test('passes it also for each surface alone', async () => {
    for (const { name } of document.tags) {
      expect(await lint(documentOf(allRoutes.filter(({ surface }) => surface === name)))).toEqual([]);
    }
  });

  test.each([
    [
      'operation-operationId-unique',
      ({ paths }: Document) => {
        for (const methods of Object.values(paths))
          for (const each of Object.values(methods)) each.operationId = 'same';
      },
    ],
    [
      'no-unresolved-refs',
      ({ components }: Document) => {
        components.schemas['EvaluationRequest'] = { $ref: '#/components/schemas/Nowhere' };
      },
    ],
    [
      'struct',
      ({ components }: Document) => {
        components.schemas['EvaluationRequest'] = { type: 'objekt' };
      },
    ],
    [
      'no-invalid-schema-examples',
      ({ components }: Document) => {
        components.schemas['EvaluationRequest'] = { type: 'string', example: 7 };
      },
    ],
  ] as [string, (planted: Document) => void][])('with a fault planted does not pass: %s', async (rule, plant) => {
    const planted = structuredClone(document);
    plant(planted);
    expect((await lint(planted)).filter((problem) => problem.startsWith(rule))).not.toEqual([]);
  });

  test('names its licence by identifier, which 3.1 allows instead of an address and not beside one', () => {
    expect(document.info).toEqual({ ...about, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } });
  });

  test('has every route and no other, each under its surface', () => {
    const shown = operations.map(({ method, path }) => `${method} ${path}`).sort();
    expect(shown).toEqual(
      allRoutes
        .flatMap(({ method, path, answersHead }) => [`${method} ${path}`, ...(answersHead ? [`HEAD ${path}`] : [])])
        .sort(),
    );
    expect(new Set(shown).size).toBe(shown.length);
    for (const route of allRoutes) expect(operationOf(route)).toMatchObject({ tags: [route.surface] });
  });

  test('is the same each time that it is made', () => {
    expect(JSON.stringify(documentOf(allRoutes))).toBe(JSON.stringify(document));
  });
});

describe('an operation', () => {
  test('has an id of its own, a word that can name a function', () => {
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^(get|head|post|put|patch|delete)[A-Z][A-Za-z0-9]*$/);
  });

  test.each(allRoutes.map((route) => [`${route.method} ${route.path}`, route] as const))(
    '%s says which credentials it takes',
    (_name, route) => {
      const accepted = operationOf(route).security.flatMap(Object.keys);
      if (route.isPublic) expect(accepted).toEqual([]);
      else expect(accepted).toEqual(['bearer', 'apiKey', 'session', ...(route.streams ? ['apiKeyQuery'] : [])]);
    },
  );

  test('has a parameter for each place in its path, and each is required', () => {
    for (const { path, operation } of operations) {
      const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const parameters = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(parameters.map(({ name }) => name)).toEqual(places);
      expect(parameters.every(({ required }) => required)).toBe(true);
    }
  });

  test('shows numbers in the query as numbers, though they travel as text', () => {
    const limit = operationOf({ method: 'GET', path: '/v1/api-keys' }).parameters?.find(({ name }) => name === 'limit');
    expect(limit).toMatchObject({
      in: 'query',
      required: false,
      schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 },
    });
  });

  test('shows its refusals in the shape of its surface, with the headers of every answer', () => {
    const shapes = { control: 'ControlError', builds: 'BuildsError', evaluations: 'EvaluationsError' };
    for (const [surface, shape] of Object.entries(shapes)) {
      for (const route of allRoutes.filter((each) => each.surface === surface)) {
        const refusals = Object.entries(operationOf(route).responses).filter(([status]) => Number(status) >= 400);
        expect(refusals.map(([status]) => status)).toContain('429');
        for (const [, { content, headers }] of refusals) {
          expect(content).toEqual({ 'application/json': { schema: { $ref: `#/components/schemas/${shape}` } } });
          expect(headers).toHaveProperty(['X-Request-Id']);
        }
      }
    }
  });

  test('asks for what its schema takes, and shows what it gives', () => {
    const submit = operationOf({ method: 'POST', path: '/api/eval' });
    expect(submit.requestBody?.content['application/json']?.schema).toEqual({
      $ref: '#/components/schemas/EvaluationRequest',
    });
    expect(document.components.schemas['EvaluationRequest']).toMatchObject({ required: ['code'] });
  });
});

describe('examples', () => {
  test.each(allRoutes.filter(({ body }) => body).map((route) => [`${route.method} ${route.path}`, route] as const))(
    'of the body of %s are taken by the schema that they show',
    (_name, { body }) => {
      const { properties = {} } = z.toJSONSchema(body as z.ZodType, { io: 'input', unrepresentable: 'any' });
      const shape = body instanceof z.ZodObject ? body.shape : {};
      for (const [name, schema] of Object.entries(properties)) {
        const { example } = schema as { example?: unknown };
        if (example !== undefined) expect(() => (shape[name] as z.ZodType).parse(example)).not.toThrow();
      }
    },
  );
});
