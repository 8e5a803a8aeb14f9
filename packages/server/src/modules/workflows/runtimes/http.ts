import { AppError } from '../../../kernel/errors.ts';
import type { Json } from '../../../kernel/json.ts';
import type { Sensitive } from '../../../kernel/sensitive.ts';
import { type HttpClient, retryAfterOf } from '../../../platform/http-client/index.ts';
import type { Result } from '../engine/model.ts';
import { nodeErrors } from '../errors.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import { completed, type Handler, type Task } from './model.ts';
import { filled, placesIn } from './template.ts';

export type HttpConfig = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  url: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  idempotency_header: string | null;
  expect: number[];
  retry_on: number[];
  most_bytes: number;
};

export type HttpServices = {
  client: Pick<HttpClient, 'exchange'>;
  userAgent: string;
  /** The value of a secret, for a run whose maker is still there. */
  secretOf(task: Task, name: string): Promise<Sensitive<string>>;
};

/** How much of an answer a failure quotes. */
const QUOTED = 500;
/** What another attempt would only see again. */
const LASTING: ReadonlySet<string> = new Set(['destination.too_large', 'destination.redirected']);

/**
 * Asks another service. Addresses are guarded as those of webhooks are. Secrets go into headers and nowhere else: of what
 * comes back they are taken out, should the other side repeat them.
 */
export const httpHandler =
  (services: HttpServices): Handler =>
  async (task) => {
    const config = task.node.config as unknown as HttpConfig;
    const secrets = await secretsOf(services, config, task);
    const url = addressOf(config, task.input);
    try {
      const { status, headers, body } = await services.client.exchange(url, {
        method: config.method,
        headers: { 'user-agent': services.userAgent, ...headersOf(config, task, secrets) },
        ...(task.input['body'] === undefined ? {} : { body: JSON.stringify(task.input['body']) }),
        timeoutMs: task.node.policy.timeoutMs,
        maxBytes: config.most_bytes,
        signal: task.signal,
      });
      const text = withoutSecrets(body.toString('utf8'), secrets);
      if (!isExpected(config, status)) return refused({ url, status, headers, text }, config);
      const said = Object.entries(headers).map(([name, value]): [string, Json] => [name, String(value)]);
      const kept = said.filter(([name]) => KEPT_HEADERS.has(name));
      return completed({
        status,
        headers: JSON.parse(withoutSecrets(JSON.stringify(Object.fromEntries(kept)), secrets)) as JsonObject,
        body: config.method === 'HEAD' ? null : bodyOf(text, String(headers['content-type'] ?? '')),
      });
    } catch (thrown) {
      if (!(thrown instanceof AppError) || !LASTING.has(thrown.code)) throw thrown;
      return { kind: 'failed', failure: { code: thrown.code, message: thrown.message }, isFinal: true };
    }
  };

/** Of an answer's headers those that a workflow goes on with. */
const KEPT_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-length',
  'date',
  'etag',
  'last-modified',
  'link',
  'location',
  'retry-after',
  'x-request-id',
]);

/** Every template of a request, by the path of its field. */
export function templatesOf({ config }: NodeDefinition): [field: string, template: string][] {
  const { url, query, headers } = config as unknown as HttpConfig;
  const all = (field: string, of: Record<string, string>): [string, string][] =>
    Object.entries(of).map(([name, template]) => [`${field}.${name}`, template]);
  return [['url', url], ...all('query', query), ...all('headers', headers)];
}

async function secretsOf(
  { secretOf }: HttpServices,
  { headers }: HttpConfig,
  task: Task,
): Promise<ReadonlyMap<string, string>> {
  const names = new Set(Object.values(headers).flatMap((template) => [...placesIn(template).secrets]));
  return new Map(
    await Promise.all([...names].map(async (name) => [name, (await secretOf(task, name)).reveal()] as const)),
  );
}

function addressOf({ url: template, query }: HttpConfig, input: JsonObject): URL {
  const url = new URL(filled(template, { input, encode: inAddress }));
  const more = Object.entries(query).map(([name, value]) => `${encoded(name)}=${encoded(filled(value, { input }))}`);
  url.search = [...(url.search === '' ? [] : [url.search.slice(1)]), ...more].join('&');
  return url;
}

/** As one step of a path, or a value of a query: it leads nowhere else. */
function inAddress(text: string): string {
  if (/^\.{0,2}$/.test(text)) throw nodeErrors.not_in_address(`"${text}" cannot stand in an address.`);
  return encoded(text);
}

const encoded = (text: string): string => encodeURIComponent(text.toWellFormed());

function headersOf(config: HttpConfig, { runId, node, item, input }: Task, secrets: ReadonlyMap<string, string>) {
  const given = Object.entries(config.headers).map(([name, template]) => {
    const value = filled(template, { input, secrets }).trim();
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
      throw nodeErrors.not_in_header(`The header ${name} has characters that no header may have.`);
    return [name, value] as const;
  });
  const body = input['body'] === undefined ? [] : [['content-type', 'application/json'] as const];
  const isRead = config.method === 'GET' || config.method === 'HEAD';
  const key = [runId, node.key, ...(item === null ? [] : [item.index])].join(':');
  const once = config.idempotency_header === null || isRead ? [] : [[config.idempotency_header, key] as const];
  return Object.fromEntries([...body, ...once, ...given].map(([name, value]) => [name.toLowerCase(), value]));
}

const isExpected = ({ expect }: HttpConfig, status: number): boolean =>
  expect.length > 0 ? expect.includes(status) : status >= 200 && status < 300;

type Answered = { url: URL; status: number; headers: Parameters<typeof retryAfterOf>[0]; text: string };

function refused({ url, status, headers, text }: Answered, { retry_on }: HttpConfig): Result {
  const said = text.trim().slice(0, QUOTED);
  const message = `${url.host} answered with status ${status}${said === '' ? '.' : `: ${said}`}`;
  return {
    kind: 'failed',
    failure: { code: 'workflow_node.http_status', message },
    isFinal: !retry_on.includes(status),
    retryAfterMs: retryAfterOf(headers) ?? 0,
  };
}

function bodyOf(text: string, type: string): Json {
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(type)) return text;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** As they were sent, and as JSON and addresses write them. */
const withoutSecrets = (text: string, secrets: ReadonlyMap<string, string>): string =>
  [...secrets.values()]
    .filter((value) => value !== '')
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed())])
    .reduce((rest, value) => rest.replaceAll(value, '[secret]'), text);
