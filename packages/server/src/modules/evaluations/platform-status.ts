import type { EvaluationState } from './model.ts';

export type Health = 'healthy' | 'degraded' | 'unhealthy';

/** What each service of the platform says of itself, asked now. */
export type Probes = {
  mode: 'embedded' | 'microservices';
  version: string;
  gateway(): Health;
  queue(): Promise<Health>;
  storage(): Promise<Health>;
  executor(): Health;
};

export type PlatformStatus = {
  platform: Health;
  mode: Probes['mode'];
  services: { gateway: Health; queue: Health; storage: Health; executor: Health };
  queue: { queued: number; processing: number };
  storage: { total_evaluations: number; by_status: Record<string, number> };
  version: string;
};

/** A probe that throws or takes longer has failed. */
const PROBE_MS = 2_000;

/** Probes every service; counts are left at zero when the database does not give them. */
export async function platformStatus(
  probes: Probes,
  count: () => Promise<Map<EvaluationState, number>>,
): Promise<PlatformStatus> {
  const [queue, storage, counts] = await Promise.all([
    within(probes.queue(), 'unhealthy'),
    within(probes.storage(), 'unhealthy'),
    within(count(), new Map<EvaluationState, number>()),
  ]);
  const services = { gateway: probes.gateway(), queue, storage, executor: probes.executor() };
  return {
    platform: overall(services),
    mode: probes.mode,
    services,
    queue: { queued: counts.get('queued') ?? 0, processing: counts.get('running') ?? 0 },
    storage: {
      total_evaluations: [...counts.values()].reduce((sum, n) => sum + n, 0),
      by_status: Object.fromEntries(counts),
    },
    version: probes.version,
  };
}

/** Without storage nothing works; without another, some things still do. */
function overall(services: PlatformStatus['services']): Health {
  if (services.storage === 'unhealthy') return 'unhealthy';
  return Object.values(services).every((health) => health === 'healthy') ? 'healthy' : 'degraded';
}

async function within<Value>(probe: Promise<Value>, otherwise: Value): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Value>((resolve) => {
    timer = setTimeout(() => resolve(otherwise), PROBE_MS);
  });
  try {
    return await Promise.race([probe, late]);
  } catch {
    return otherwise;
  } finally {
    clearTimeout(timer);
  }
}
