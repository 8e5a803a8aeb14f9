import pino from 'pino';
import { AppError } from '../../src/kernel/errors.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import type { Authenticator, Credential, Watched } from '../../src/modules/identity/index.ts';
import type { RateState } from '../../src/platform/operation.ts';
import { createMetrics } from '../../src/platform/telemetry/metrics.ts';
import type { HttpKit } from '../../src/surfaces/http/kit.ts';
import { LargeBodies } from '../../src/surfaces/http/large-bodies.ts';
import { TrustedProxies } from '../../src/surfaces/http/trusted-proxies.ts';
import { aPrincipal } from '../calls.ts';

/** A kit that knows one key, `sk_good`, and writes down what it is asked and what is logged. */
export type FakeKit = {
  kit: HttpKit;
  /** Who `sk_good` stands for. */
  principal: Principal;
  asked: Credential[];
  /** What looks after open streams, one for each that is still open. */
  watched: Set<Watched>;
  logged: Record<string, unknown>[];
  rate: RateState;
};

export function fakeKit(): FakeKit {
  const principal = aPrincipal();
  const asked: Credential[] = [];
  const watched: FakeKit['watched'] = new Set();
  const logged: Record<string, unknown>[] = [];
  const rate = { policy: 'control', limit: 10, remaining: 7, resetAt: Date.now() + 30_000, windowMs: 60_000 };
  const authenticator = {
    async authenticate(credential: Credential) {
      asked.push(credential);
      if (credential.value === 'sk_good') return principal;
      throw new AppError('unauthenticated', 'credential.invalid', 'The API key is not valid.');
    },
    watch(stream: Watched) {
      watched.add(stream);
      return () => watched.delete(stream);
    },
  } as unknown as Authenticator;
  const operator = {
    run: () => Promise.reject(new Error('No operation is run here.')),
  } as unknown as HttpKit['operator'];
  return {
    kit: {
      operator,
      authenticator,
      authorize: () => {},
      peekRate: () => rate,
      proxies: new TrustedProxies([]),
      largeBodies: new LargeBodies(),
      publicUrl: null,
      metrics: createMetrics(),
      log: pino({ base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
    },
    principal,
    asked,
    watched,
    logged,
    rate,
  };
}
