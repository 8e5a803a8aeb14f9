import type { z } from 'zod';
import { BuildsError } from './builds/routes.ts';
import { ControlError } from './control/envelope.ts';
import { EvaluationsError } from './evaluations/platform.ts';
import { FleetError } from './fleet/routes.ts';
import { AnthropicError, OpenAiError } from './gateway/routes.ts';
import { jsonSchemaOf } from './json-schema.ts';
import { OAuthError } from './oauth/token.ts';
import type { Answer, Route, SurfaceName } from './route.ts';

type JsonObject = { [key: string]: unknown };

const ERRORS: Record<SurfaceName, z.ZodType | null> = {
  evaluations: EvaluationsError,
  control: ControlError,
  builds: BuildsError,
  fleet: FleetError,
  oauth: OAuthError,
  openai: OpenAiError,
  anthropic: AnthropicError,
  console: null,
  ops: null,
};

const TAGS: Record<SurfaceName, string> = {
  ops: 'Health, metrics and this document.',
  control: 'Organizations, keys, assets and events (`/v1`).',
  builds: 'Sign-in (`/api/v1`).',
  fleet: 'Sign-in of devices (`/api/v1/auth`).',
  oauth: 'OAuth 2: devices, tokens, discovery.',
  openai: 'Models for OpenAI’s clients.',
  anthropic: 'Models for Anthropic’s clients.',
  console: 'Pages for people.',
  evaluations: 'Running untrusted code (`/api`).',
};

/** Headers that every answer of a governed route carries. */
const HEADERS: JsonObject = {
  'X-Request-Id': { schema: { type: 'string' }, description: 'Names this request in logs and the audit log.' },
  'X-RateLimit-Limit': { schema: { type: 'integer' }, description: 'Requests allowed in the window.' },
  'X-RateLimit-Remaining': { schema: { type: 'integer' }, description: 'Requests left in the window.' },
  'X-RateLimit-Reset': { schema: { type: 'integer' }, description: 'When the window ends, epoch seconds.' },
};

/** Headers that requests may carry, by the routes that heed them. */
const REQUEST_HEADERS = {
  OrganizationId: {
    name: 'X-Organization-Id',
    in: 'header',
    required: false,
    description: 'The organization to act in, for a person who belongs to several; the credential’s own by default.',
    schema: { type: 'string', format: 'uuid' },
  },
  IdempotencyKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'Sent again within 24 hours with the same body, it gives the first answer again and has no second effect.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  BillingKey: {
    name: 'Idempotency-Key',
    in: 'header',
    required: false,
    description:
      'Names the call: while one of this name is under way, and after it was billed, it is not made again but refused (409). Its answer is not kept. A call that was not billed may be sent again.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
} as const;

function requestHeadersOf({ isPublic, organization, method, isBilledOnce }: Route): (keyof typeof REQUEST_HEADERS)[] {
  if (isPublic) return [];
  return [
    ...(organization === undefined ? (['OrganizationId'] as const) : []),
    ...(isBilledOnce ? (['BillingKey'] as const) : []),
    ...(!isBilledOnce && (method === 'POST' || method === 'PATCH') ? (['IdempotencyKey'] as const) : []),
  ];
}

const SECURITY_SCHEMES = {
  bearer: { type: 'http', scheme: 'bearer', description: 'An access token or an API key.' },
  apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'wos_session',
    description: 'A browser that has signed in; changes only from pages of this site.',
  },
  apiKeyQuery: { type: 'apiKey', in: 'query', name: 'api_key', description: 'Only on event streams.' },
} as const;

/** Ways to bring a credential to a route, any one of which will do. */
function schemesOf({ isPublic, streams }: Route): (keyof typeof SECURITY_SCHEMES)[] {
  if (isPublic) return [];
  return streams ? ['bearer', 'apiKey', 'session', 'apiKeyQuery'] : ['bearer', 'apiKey', 'session'];
}

/** Makes the OpenAPI 3.1 document of the given routes. */
export function openApiDocument(
  routes: readonly Route[],
  about: { title: string; version: string; description: string },
): JsonObject {
  const schemas: JsonObject = {};
  const paths: { [path: string]: JsonObject } = {};
  for (const declared of routes) {
    const path = paths[declared.path] ?? {};
    path[declared.method.toLowerCase()] = describe(declared, schemas);
    if (declared.answersHead) path['head'] = describeHead(declared, schemas);
    paths[declared.path] = path;
  }
  const used = [...new Set(routes.map(({ surface }) => surface))];
  return {
    openapi: '3.1.0',
    info: { ...about, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{ url: '/' }],
    tags: used.map((surface) => ({ name: surface, description: TAGS[surface] })),
    paths,
    components: {
      parameters: Object.fromEntries(routes.flatMap(requestHeadersOf).map((name) => [name, REQUEST_HEADERS[name]])),
      securitySchemes: Object.fromEntries(routes.flatMap(schemesOf).map((name) => [name, SECURITY_SCHEMES[name]])),
      schemas: Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => a.localeCompare(b))),
    },
  };
}

function describe(declared: Route, schemas: JsonObject): JsonObject {
  const answers = Object.entries(declared.answers).map(([status, answer]) => [
    status,
    describeAnswer(answer, declared, schemas),
  ]);
  const parameters = [
    ...parametersOf(declared.params, 'path', schemas),
    ...parametersOf(declared.query, 'query', schemas),
    ...requestHeadersOf(declared).map((name) => ({ $ref: `#/components/parameters/${name}` })),
  ];
  return {
    operationId: operationId(declared),
    tags: [declared.surface],
    summary: declared.summary,
    security: declared.isPublic ? [{}] : schemesOf(declared).map((name) => ({ [name]: [] })),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(declared.body
      ? {
          requestBody: {
            required: !declared.body.safeParse(undefined).success,
            content: { [bodyTypeOf(declared)]: { schema: schemaOf(declared.body, 'input', schemas) } },
          },
        }
      : {}),
    ...(declared.isUpload ? { requestBody: FILE_BODY } : {}),
    responses: { ...Object.fromEntries(answers), ...errorAnswers(declared, schemas) },
  };
}

/** A file by itself, of any type, or in a form. */
const FILE_BODY: JsonObject = {
  required: true,
  content: {
    'multipart/form-data': {
      schema: {
        type: 'object',
        properties: { file: { type: 'string', contentMediaType: 'application/octet-stream' } },
        required: ['file'],
      },
    },
    'application/octet-stream': { schema: { type: 'string' } },
    '*/*': { schema: { type: 'string' } },
  },
};

/** The same without a body. */
function describeHead(declared: Route, schemas: JsonObject): JsonObject {
  const [status = '200', answer] = Object.entries(declared.answers)[0] ?? [];
  const { description = '' } = answer ?? {};
  const head = { ...declared, method: 'HEAD', answers: { [status]: { description } } } as const;
  return { ...describe(head as unknown as Route, schemas), summary: `${declared.summary}: its headers` };
}

/** OAuth sends forms. */
const bodyTypeOf = ({ surface }: Route): string =>
  surface === 'oauth' ? 'application/x-www-form-urlencoded' : 'application/json';

/** `POST /api/eval/{eval_id}/kill` becomes `postApiEvalKill`. */
const operationId = ({ method, path }: Route): string =>
  method.toLowerCase() +
  path
    .split(/[/.{}_-]+/)
    .filter((word) => word !== '' && word !== 'id' && word !== 'eval_id')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('') +
  (path.endsWith('}') ? 'ById' : '');

function describeAnswer(answer: Answer, { surface }: Route, schemas: JsonObject): JsonObject {
  const json = answer.schema ? { 'application/json': { schema: schemaOf(answer.schema, 'output', schemas) } } : {};
  const others = (answer.otherMedia ?? []).map((media) => [media, { schema: { type: 'string' } }]);
  const content = { ...json, ...Object.fromEntries(others) };
  return {
    description: answer.description,
    ...(surface === 'ops' ? {} : { headers: HEADERS }),
    ...(Object.keys(content).length > 0 ? { content } : {}),
  };
}

/** Refusals that any route of a surface can answer. */
function errorAnswers({ surface, isPublic, params, body, isUpload }: Route, schemas: JsonObject): JsonObject {
  const error = ERRORS[surface];
  if (error === null) return { '4XX': { description: 'The request was refused.' } };
  const content = { 'application/json': { schema: schemaOf(error, 'output', schemas) } };
  const refusal = (description: string): JsonObject => ({ description, headers: HEADERS, content });
  return {
    ...(body || params || isUpload
      ? { 400: refusal('The request is not valid; the message says what to change.') }
      : {}),
    ...(isPublic && !body ? {} : { 401: refusal('The credential is missing or not valid.') }),
    ...(isPublic ? {} : { 403: refusal('The credential does not allow this.') }),
    ...(params ? { 404: refusal('There is no such thing, or it is not yours.') } : {}),
    ...(isUpload
      ? {
          413: refusal('The file is too large, or there is no room for it.'),
          415: refusal('Files of this type may not be stored.'),
        }
      : {}),
    429: refusal('Rate limit exceeded; `Retry-After` says when to come back.'),
    503: refusal('The service cannot do this right now; `Retry-After` says when to come back.'),
  };
}

function parametersOf(of: z.ZodObject | undefined, place: 'path' | 'query', schemas: JsonObject): JsonObject[] {
  if (!of) return [];
  const { properties = {}, required = [] } = schemaOf(of, 'input', schemas) as {
    properties?: JsonObject;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => {
    const { description, ...rest } = withoutCoercion(of, name, schema as JsonObject);
    return {
      name,
      in: place,
      required: place === 'path' || required.includes(name),
      ...(description === undefined ? {} : { description }),
      schema: rest,
    };
  });
}

/** A coerced number takes any text on the way in; callers are told the number that it must be. */
function withoutCoercion(of: z.ZodObject, name: string, schema: JsonObject): JsonObject {
  if (schema['type'] !== undefined || schema['$ref'] !== undefined) return schema;
  const output = jsonSchemaOf(of, 'output') as {
    properties?: { [name: string]: JsonObject };
  };
  return { ...output.properties?.[name], ...schema };
}

/** A schema as JSON Schema, its named parts moved to the document's components. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: JsonObject): JsonObject {
  const { $schema, $defs, id, ...rest } = jsonSchemaOf(schema, io) as JsonObject & {
    $defs?: { [name: string]: JsonObject };
  };
  for (const [name, definition] of Object.entries($defs ?? {})) schemas[name] = withReferences(withoutId(definition));
  const whole = withReferences(rest) as JsonObject;
  if (typeof id !== 'string') return whole;
  schemas[id] = whole;
  return { $ref: `#/components/schemas/${id}` };
}

const withoutId = ({ id: _id, ...rest }: JsonObject): JsonObject => rest;

function withReferences(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withReferences);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) =>
      key === '$ref' && typeof item === 'string'
        ? [key, item.replace('#/$defs/', '#/components/schemas/')]
        : [key, withReferences(item)],
    ),
  );
}
