import { setTimeout as delay } from 'node:timers/promises';
import { allRpcs, Health, ServingStatus } from '@assay/contract/grpc';
import { AppError } from '../../kernel/errors.ts';
import type { RpcSurface } from './rpc-surface.ts';

type Check = { name: string; ok: boolean };

/** Anybody may ask, and each look asks the database: one look serves all who ask within this. */
const LOOK_MS = 1_000;
/** Watchers need no credential, so there is an end to how many there may be. */
const MAX_WATCHERS = 100;

/** What a service can do without: checks that say nothing about it. */
const WITHOUT: Readonly<Record<string, readonly string[]>> = {
  'assay.v1.AuthzService': ['runners'],
  'assay.v1.EventService': ['runners'],
  'assay.v1.IdentityService': ['runners'],
};
const SERVICES: ReadonlySet<string> = new Set(['', ...allRpcs.map(({ method }) => method.parent.typeName)]);

/** `grpc.health.v1`, from the checks that `/readyz` makes. The empty name is the whole process. */
export class HealthService {
  readonly #readiness: () => Promise<readonly Check[]>;
  readonly #stopping = new AbortController();
  #look: { at: number; checks: Promise<readonly Check[]> } | null = null;
  #watchers = 0;

  constructor(readiness: () => Promise<readonly Check[]>) {
    this.#readiness = readiness;
  }

  serve(surface: RpcSurface): void {
    surface.serve(Health, 'control', {
      check: async ({ service }) => {
        if (!SERVICES.has(service)) {
          throw new AppError('not_found', 'health.unknown_service', 'There is no service of this name.');
        }
        return { status: await this.#statusOf(service) };
      },
      list: async () => {
        const statuses = await Promise.all(
          [...SERVICES].map(async (service) => [service, { status: await this.#statusOf(service) }]),
        );
        return { statuses: Object.fromEntries(statuses) };
      },
      watch: ({ service }, { signal }) => this.#watch(service, signal),
    });
  }

  /** From now on nothing is served here; watchers are told at once. */
  drain(): void {
    this.#stopping.abort();
  }

  async *#watch(service: string, signal: AbortSignal): AsyncGenerator<{ status: ServingStatus }> {
    if (this.#watchers >= MAX_WATCHERS) {
      throw new AppError('unavailable', 'health.too_many_watchers', 'Too many callers watch. Use Check.');
    }
    this.#watchers += 1;
    try {
      let told: ServingStatus | null = null;
      while (!signal.aborted) {
        const status = SERVICES.has(service) ? await this.#statusOf(service) : ServingStatus.SERVICE_UNKNOWN;
        if (status !== told) yield { status };
        told = status;
        await pause(this.#stopping.signal.aborted ? signal : AbortSignal.any([signal, this.#stopping.signal]));
      }
    } finally {
      this.#watchers -= 1;
    }
  }

  async #statusOf(service: string): Promise<ServingStatus> {
    if (this.#stopping.signal.aborted) return ServingStatus.NOT_SERVING;
    if (this.#look === null || Date.now() - this.#look.at >= LOOK_MS) {
      this.#look = { at: Date.now(), checks: this.#readiness() };
    }
    const needed = (await this.#look.checks).filter(({ name }) => !WITHOUT[service]?.includes(name));
    const isServing = needed.every(({ ok }) => ok) && !this.#stopping.signal.aborted;
    return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }
}

const pause = (signal: AbortSignal): Promise<void> => delay(LOOK_MS, undefined, { signal }).catch(() => undefined);
