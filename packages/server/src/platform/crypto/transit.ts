import { Agent, request } from 'undici';
import type { KeyWrapper } from './key-wrapper.ts';

/*
 * The transit engine of HashiCorp Vault and OpenBao (API documentation, "Transit secrets engine"): the key never leaves
 * it. Chosen over a cloud's own service since it runs wherever Assay runs, and has one form of credential: a token,
 * which an agent beside us keeps fresh in a file.
 */

export type TransitOptions = {
  /** Address of the key as the engine names it: `https://vault.example:8200/v1/transit/keys/assay`. */
  url: string;
  /** Asked before each call: tokens are renewed. */
  token(): Promise<string>;
};

const TIMEOUT_MS = 10_000;
const FORM = /^(?<mount>\/v1\/.+)\/keys\/(?<name>[^/]+)$/;

/** @throws Error when the address is not one of a transit key */
export function transitKey({ url, token }: TransitOptions): KeyWrapper {
  const { origin, host, pathname } = new URL(url);
  const { mount, name } = FORM.exec(pathname)?.groups ?? {};
  if (mount === undefined || name === undefined) {
    throw new Error(
      `${url} is not the address of a transit key: it looks like https://host:8200/v1/transit/keys/name.`,
    );
  }
  const agent = new Agent({ connections: 2, keepAliveTimeout: 1_000, connectTimeout: TIMEOUT_MS });
  const call = async (verb: 'encrypt' | 'decrypt', body: Record<string, string>): Promise<Record<string, unknown>> => {
    const answer = await request(`${origin}${mount}/${verb}/${name}`, {
      dispatcher: agent,
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-vault-token': await token(), 'x-vault-request': 'true' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.body.text();
    // Errors are not quoted: they may hold what was sent.
    if (answer.statusCode !== 200)
      throw new Error(`The transit engine at ${host} answered ${verb} with status ${answer.statusCode}.`);
    return (JSON.parse(text) as { data: Record<string, unknown> }).data;
  };
  return {
    id: `transit:${host}${mount}/${name}`,
    async wrap(plain, context) {
      const { ciphertext } = await call('encrypt', { plaintext: plain.toString('base64'), ...bound(context) });
      return Buffer.from(String(ciphertext));
    },
    async unwrap(wrapped, context) {
      const { plaintext } = await call('decrypt', { ciphertext: wrapped.toString(), ...bound(context) });
      return Buffer.from(String(plaintext), 'base64');
    },
  };
}

const bound = (context: string) => ({ associated_data: Buffer.from(context).toString('base64') });
