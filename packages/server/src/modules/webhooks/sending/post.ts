import type { Dispatcher } from 'undici';
import { AppError } from '../../../kernel/errors.ts';
import { type WebhookMessage, webhookHeaders } from '../../../platform/crypto/standard-webhook.ts';
import { type HttpClient, readDestination } from '../../../platform/http-client/index.ts';

/** How a receiver took a message. */
export type Posted = {
  /** Null: there was no answer. */
  status: number | null;
  /** Why it counts as not taken, in words; null when it was. */
  error: string | null;
  /** How the answer began. */
  answer: string | null;
  /** For how long the receiver asked to be left alone. */
  askedSeconds: number;
};

export type PostOptions = {
  client: HttpClient;
  userAgent: string;
  signal: AbortSignal;
};

/** From the first look-up to the status of the answer. The standard proposes 15 to 30 s. */
export const TIMEOUT_MS = 15_000;
/** Of an answer: enough to see what is wrong. The rest is not waited for. */
const ANSWER_BYTES = 2_048;
const ANSWER_MS = 1_000;

/**
 * Sends a message once. What counts is the status: what follows it is read for the log, a little and for a moment, so an
 * answer without an end costs no more than any other. Redirects are not followed.
 * @throws what the signal was aborted with
 */
export async function post(
  url: string,
  { message, secrets }: { message: WebhookMessage; secrets: readonly Buffer[] },
  { client, userAgent, signal }: PostOptions,
): Promise<Posted> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const { origin, pathname, search } = readDestination(url, { rules: client.rules, field: 'The address' });
    const answer = await client.dispatcher.request({
      origin,
      path: pathname + search,
      method: 'POST',
      headers: { ...webhookHeaders(message, secrets), 'user-agent': userAgent },
      body: message.body,
      signal: AbortSignal.any([timeout, signal]),
    });
    const { statusCode: status, headers } = answer;
    return { status, error: faultOf(status), answer: await beginningOf(answer), askedSeconds: askedFor(headers) };
  } catch (thrown) {
    signal.throwIfAborted();
    const error = timeout.aborted ? `It did not answer within ${TIMEOUT_MS / 1000} s.` : inWords(thrown);
    return { status: null, error, answer: null, askedSeconds: 0 };
  }
}

function faultOf(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400) return `It answered ${status}, a redirect. Redirects are not followed.`;
  if (status === 410) return 'It answered 410: it is gone for good.';
  return `It answered ${status}.`;
}

async function beginningOf({ body }: Dispatcher.ResponseData): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const impatience = setTimeout(() => body.destroy(), ANSWER_MS);
  // A stream that is cut off says so, also after nobody listens any more.
  body.on('error', () => {});
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= ANSWER_BYTES) break;
    }
  } catch {
    // What there is of it is enough.
  } finally {
    clearTimeout(impatience);
  }
  const text = new TextDecoder().decode(Buffer.concat(chunks).subarray(0, ANSWER_BYTES));
  // The one character that the database cannot hold.
  return text.replaceAll('\0', '\uFFFD');
}

/** `Retry-After` in its form of seconds; dates are for caches. */
function askedFor(headers: Dispatcher.ResponseData['headers']): number {
  const asked = headers['retry-after'];
  return typeof asked === 'string' && /^\d{1,9}$/.test(asked) ? Number(asked) : 0;
}

/** Codes of the resolver, sockets, TLS and HTTP, as whoever runs the receiver can use them. */
const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'Its name does not resolve.',
  ENODATA: 'Its name has no address.',
  EAI_AGAIN: 'Its name could not be resolved just now.',
  ECONNREFUSED: 'It refused the connection.',
  ECONNRESET: 'It closed the connection before it answered.',
  EPIPE: 'It closed the connection before it answered.',
  UND_ERR_SOCKET: 'It closed the connection before it answered.',
  UND_ERR_CONNECT_TIMEOUT: 'No connection to it could be made in time.',
  ETIMEDOUT: 'No connection to it could be made in time.',
  EHOSTUNREACH: 'There is no way to its address.',
  ENETUNREACH: 'There is no way to its address.',
  UND_ERR_HEADERS_OVERFLOW: 'The headers of its answer are too large.',
  CERT_HAS_EXPIRED: 'Its certificate has expired.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'Its certificate is signed by nobody but itself.',
  SELF_SIGNED_CERT_IN_CHAIN: 'Its certificate is signed by somebody whom nobody here knows.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'Its certificate is signed by somebody whom nobody here knows.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'Its certificate is signed by somebody whom nobody here knows.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate is for another name.',
};

function inWords(thrown: unknown): string {
  if (thrown instanceof AppError) return thrown.message;
  const { name, code } = thrown as { name?: unknown; code?: unknown };
  if (name === 'HTTPParserError') return 'What it answered is not HTTP.';
  if (typeof code !== 'string') return 'It could not be reached.';
  return (
    WORDS[code] ??
    (code.startsWith('ERR_SSL') ? 'No encrypted connection to it could be made.' : 'It could not be reached.')
  );
}
