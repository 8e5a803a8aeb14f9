import type { Route } from '@assay/contract';
import type {
  FastifyError,
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  FastifyRequest,
  RouteOptions,
} from 'fastify';
import type { z } from 'zod';
import { AppError, type FieldFault, toAppError } from '../../kernel/errors.ts';
import { isUuid } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Credential } from '../../modules/identity/index.ts';
import { findCredential } from './credentials.ts';
import { parseFormBody } from './form-body.ts';
import { rateHeaders, refusalHeaders, setHeaders } from './headers.ts';
import { callOf, type HttpCall, idempotencyOf } from './http-call.ts';
import { parseJsonBody } from './json-body.ts';
import type { HttpKit, RenderError } from './kit.ts';
import { assertSameOrigin } from './same-origin.ts';

/** A wire format: its routes, and how it shows what it refuses. */
export type SurfaceOptions = {
  name: string;
  renderError: RenderError;
  /** The rate limit whose state answers show when no operation ran. */
  rate: string;
  kit: HttpKit;
  /** What bodies are; JSON unless said otherwise. */
  bodies?: 'json' | 'form';
  /** Pages for people: HTML, forms, and no credential but the session cookie. */
  isForBrowsers?: boolean;
};

type Infer<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;
/** A request as the route's schemas understood it. */
export type Decoded<Of extends Route> = {
  params: Infer<Of['params']>;
  query: Infer<Of['query']>;
  body: Infer<Of['body']>;
};

export type Handler<Of extends Route> = (
  decoded: Decoded<Of>,
  call: HttpCall,
  raw: { request: FastifyRequest; reply: FastifyReply },
) => Promise<unknown>;

const calls = new WeakMap<FastifyRequest, HttpCall>();
const rawBodies = new WeakMap<FastifyRequest, Buffer>();

/** The body of a request to a signed or forwarded route, byte for byte as it was sent. */
export const rawBodyOf = (request: FastifyRequest): Buffer => rawBodies.get(request) ?? Buffer.alloc(0);

/** One surface within the server: errors, parsing and unknown routes in its own shape. */
export class Surface {
  readonly #scope: FastifyInstance;
  readonly #options: SurfaceOptions;

  constructor(scope: FastifyInstance, options: SurfaceOptions) {
    this.#scope = scope;
    this.#options = options;
    scope.removeAllContentTypeParsers();
    const [type, parse] =
      options.bodies === 'form'
        ? (['application/x-www-form-urlencoded', parseFormBody] as const)
        : (['application/json', parseJsonBody] as const);
    scope.addContentTypeParser(
      type,
      { parseAs: 'buffer' },
      // Clients name the type also where they send nothing; whether a body was needed is the route's to say.
      async (request: FastifyRequest, body: string | Buffer) => {
        if ((request.routeOptions.config as { keepsBody?: boolean }).keepsBody) rawBodies.set(request, body as Buffer);
        return body.length === 0 ? undefined : parse(body as Buffer);
      },
    );
    scope.addHook('onRequest', async (request, reply) => {
      const call = callOf(request, reply, options.kit.proxies);
      calls.set(request, call);
      reply.header('x-request-id', call.requestId);
    });
    scope.addHook('onResponse', async (request, reply) => {
      options.kit.metrics.requests.inc({
        surface: options.name,
        method: request.method,
        status: String(reply.statusCode),
      });
    });
    scope.setErrorHandler((error: FastifyError, request, reply) =>
      this.#refuse(fromFastify(error, request, options), request, reply),
    );
  }

  /** Serves a route: authenticate, decode by its schemas, hand over, answer with the first status it declares, unless the handler says another. */
  serve<Of extends Route>(route: Of, handler: Handler<Of>): void {
    const success = Number(Object.keys(route.answers)[0]);
    const served: RouteOptions = {
      method: route.answersHead ? [route.method, 'HEAD'] : route.method,
      url: route.path.replace(/\{(\w+)\}/g, ':$1'),
      config: { keepsBody: route.isSigned === true || route.isForwarded === true } as object,
      ...(route.mostBytes === undefined ? {} : { bodyLimit: route.mostBytes }),
      // Before the body: what strangers send is not read.
      onRequest: async (request, reply) => {
        // A route without an operation has nobody to be: health is told even where keys cannot be looked up.
        if (route.operation !== null || this.#options.isForBrowsers)
          await this.#authenticate(route, { request, reply }, this.#call(request));
        if (route.mostBytes !== undefined) this.#options.kit.largeBodies.admit(request.raw, reply.raw, route.mostBytes);
      },
      handler: async (request, reply) => {
        const call = this.#call(request);
        call.teamId = teamOf(route, request);
        const decoded = decode(route, request, this.#options);
        call.idempotency = idempotencyOf(request, decoded.body);
        const answer = await handler(decoded, call, { request, reply });
        if (reply.sent) return reply;
        setHeaders(reply, rateHeaders(call.notes.rate ?? this.#options.kit.peekRate(this.#options.rate, call)));
        if (call.notes.replayed) reply.header('idempotent-replayed', 'true');
        // What the handler has set is another success than the usual one.
        if (reply.statusCode === 200) reply.code(success);
        return answer === undefined ? reply.send() : reply.send(answer);
      },
    };
    if (route.isUpload) void this.#scope.register(unread(served));
    else this.#scope.route(served);
  }

  /** Answers a request that the framework refused before any route saw it, in this surface's shape. */
  refuse(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    return this.#refuse(fromFastify(error, request, this.#options), request, reply);
  }

  /** Answers a path that nobody serves, in this surface's shape. */
  notFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const refusal = new AppError(
      'not_found',
      'route.not_found',
      `There is nothing at ${request.method} ${pathOf(request)}.`,
    );
    return this.#refuse(refusal, request, reply);
  }

  async #authenticate(
    route: Route,
    { request, reply }: { request: FastifyRequest; reply: FastifyReply },
    call: HttpCall,
  ): Promise<void> {
    const { kit } = this.#options;
    const credential = this.#credentialOf(route, request);
    if (!credential) {
      if (!route.isPublic) throw missingCredential();
      return;
    }
    const orgId = organizationOf(route, request);
    try {
      call.principal = await kit.authenticator.authenticate(credential, orgId, call.address);
    } catch (thrown) {
      // A browser sends the cookie of a session that has ended as well, unasked: where none is needed, it counts as none.
      if (credential.kind === 'session' && route.isPublic && toAppError(thrown).kind === 'unauthenticated') return;
      throw thrown;
    }
    call.credential = credential.kind;
    if (credential.kind === 'session') call.via = 'console';
    // A stream outlives the check at its start: it ends with its credential, or with the right to it.
    if (route.streams && !reply.raw.destroyed) {
      const check = (principal: Principal): void => {
        kit.authorize(principal, String(route.operation));
        // What the stream shows from now on is what the caller may see from now on.
        call.principal = principal;
      };
      const { address } = call;
      const onEnd = (refusal: AppError): void => call.end(refusal);
      reply.raw.once('close', kit.authenticator.watch({ credential, orgId, address, check, onEnd }));
    }
  }

  #credentialOf(route: Route, request: FastifyRequest): Credential | null {
    const queryKey = (request.query as Record<string, string | string[] | undefined>)['api_key'];
    const mayUseQuery = route.streams === true && (request.headers.accept ?? '').includes('text/event-stream');
    if (queryKey !== undefined && !mayUseQuery) {
      throw new AppError(
        'unauthenticated',
        'credential.misplaced',
        '`?api_key=` works on event streams only. Send the key as a header.',
      );
    }
    const { kit, isForBrowsers } = this.#options;
    const headers = isForBrowsers ? { cookie: request.headers.cookie } : request.headers;
    const credential = findCredential({ headers, queryKey: queryKey ?? null });
    const isUnsafe = request.method !== 'GET' && request.method !== 'HEAD';
    if (isUnsafe && (isForBrowsers || credential?.kind === 'session')) assertSameOrigin(request.headers, kit.publicUrl);
    return credential;
  }

  #refuse(error: AppError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const call = this.#call(request);
    const { log, peekRate } = this.#options.kit;
    if (error.kind === 'internal')
      log.error(
        { err: error.cause ?? error, request_id: call.requestId, path: pathOf(request) },
        'a request failed on our side',
      );
    const { status, body } = this.#options.renderError(error, call, pathOf(request));
    if (this.#options.isForBrowsers) reply.type('text/html; charset=utf-8');
    // The framework would hang up on a body that it did not read to the end, and the caller would see a broken
    // connection instead of this answer. Node drops the rest as it comes, within the server's request timeout.
    reply.removeHeader('connection');
    reply.header('x-request-id', call.requestId);
    setHeaders(reply, {
      ...rateHeaders(call.notes.rate ?? peekRate(this.#options.rate, call)),
      ...refusalHeaders(error),
    });
    return reply.code(status).send(body);
  }

  /** Also for requests that were refused before the hooks ran. */
  #call(request: FastifyRequest): HttpCall {
    const known = calls.get(request);
    if (known) return known;
    const call = callOf(request, { raw: request.raw } as unknown as FastifyReply, this.#options.kit.proxies);
    calls.set(request, call);
    return call;
  }
}

/** A scope in which nobody reads bodies before the handler does. */
const unread =
  (served: RouteOptions): FastifyPluginCallback =>
  (scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    scope.route(served);
    done();
  };

const missingCredential = (): AppError =>
  new AppError(
    'unauthenticated',
    'credential.missing',
    'Authentication is required. Send `Authorization: Bearer <token or key>` or `X-API-Key: <key>`.',
  );

/** The organization that a request names: its path, else `X-Organization-Id`; null leaves it to the credential. */
function organizationOf(route: Route, request: FastifyRequest): string | null {
  const header = request.headers['x-organization-id'];
  const named = route.organization
    ? (request.params as Record<string, string>)[route.organization]
    : typeof header === 'string'
      ? header
      : header?.[0];
  return named ?? null;
}

/** The team that a request names in its path; null for what cannot be the id of one. */
function teamOf({ team }: Route, request: FastifyRequest): string | null {
  const named = team === undefined ? undefined : (request.params as Record<string, string>)[team];
  return named !== undefined && isUuid(named) ? named.toLowerCase() : null;
}

const pathOf = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? request.url;

function decode<Of extends Route>(
  route: Of,
  request: FastifyRequest,
  { bodies }: Pick<SurfaceOptions, 'bodies'>,
): Decoded<Of> {
  const query = { ...(request.query as Record<string, unknown>) };
  delete query['api_key'];
  // `null` is a JSON document, and not the want of one.
  const body = request.body === undefined && bodies === 'form' ? {} : request.body;
  if (body === undefined && route.body && !route.body.safeParse(undefined).success) parseJsonBody(Buffer.alloc(0));
  return {
    params: read(route.params, request.params, ''),
    query: read(route.query, query, ''),
    body: read(route.body, body, ''),
  } as Decoded<Of>;
}

/** The query of a request that no route decodes. */
export const readQuery = <Schema extends z.ZodType>(schema: Schema, query: URLSearchParams): z.output<Schema> => {
  const given = Object.fromEntries(query);
  // How the caller and their organization are named, which is not the schema's business.
  for (const name of ['api_key', 'organization_id']) delete given[name];
  return read(schema, given, '') as z.output<Schema>;
};

function read(schema: z.ZodType | undefined, value: unknown, prefix: string): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidFields(result.error.issues.map((issue) => toFault(issue, prefix)));
}

/** A refusal that names each field at fault. */
export function invalidFields(faults: readonly FieldFault[]): AppError {
  const sentence = faults.map(({ message }) => message).join('. ');
  return new AppError('invalid', 'request.invalid', sentence, { faults });
}

/** One schema issue as a fault whose message can stand alone; a field that is missing in crucible-platform's words. */
export function toFault(issue: z.core.$ZodIssue, prefix: string): FieldFault {
  const path = [prefix, ...issue.path.map(String)].filter((part) => part !== '').join('.');
  const field = issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? path) : path || 'body';
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  // Of a key that is not allowed, the issue holds what the key's own schema said.
  const said = (issue.code === 'invalid_key' ? issue.issues[0]?.message : undefined) ?? issue.message;
  const message = isMissing
    ? `${field.charAt(0).toUpperCase()}${field.slice(1)} field is required`
    : `Field ${field}: ${said.replace(/\.$/, '')}`;
  return { field, constraint: isMissing ? 'required' : issue.code, message };
}

const mebibytes = ({ routeOptions }: FastifyRequest): string => `${(routeOptions.bodyLimit ?? 0) / (1 << 20)} MiB`;

/** The framework's own refusals, in our words. */
function fromFastify(
  error: FastifyError,
  request: FastifyRequest,
  { bodies }: Pick<SurfaceOptions, 'bodies'>,
): AppError {
  if (error instanceof AppError) return error;
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new AppError(
        'unsupported_media',
        'body.media_type',
        bodies === 'form'
          ? 'The body must be a form: send `Content-Type: application/x-www-form-urlencoded`.'
          : 'The body must be JSON: send `Content-Type: application/json`.',
      );
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new AppError(
        'too_large',
        'body.too_large',
        `The body is larger than the ${mebibytes(request)} that are allowed here.`,
      );
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new AppError('invalid', 'body.malformed', 'The body is shorter or longer than its Content-Length says.');
    default:
      if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
        return new AppError('invalid', 'request.malformed', error.message, { cause: error });
      }
      return toAppError(error);
  }
}
