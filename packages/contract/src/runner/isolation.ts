import { z } from 'zod';

/**
 * Engines that a runner may offer, by the name a caller asks for. There is no plain-process engine.
 */
export const ENGINES = ['bubblewrap', 'landlock', 'docker', 'gvisor', 'quickjs'] as const;
export type EngineName = (typeof ENGINES)[number];

/**
 * How strong an engine's boundary is on the machine where it was tested, strongest first.
 * `kernel`: own kernel (gVisor). `strong`: namespaces, system-call filter and accounted totals of memory,
 * CPU and processes. `container`: a container engine's own profile. `standard`: as strong, but totals are
 * limits per process plus polling. `reduced`: Landlock and a system-call filter without namespaces.
 * `language`: a WebAssembly interpreter, for one language only.
 */
export const ISOLATION_LEVELS = ['kernel', 'strong', 'container', 'standard', 'reduced', 'language'] as const;
export type IsolationLevel = (typeof ISOLATION_LEVELS)[number];

/** What really confined one run. Written by the runner from what it did, never from what was asked. */
export const IsolationReceipt = z.object({
  engine: z.enum(ENGINES),
  level: z.enum(ISOLATION_LEVELS),
  /** Engine program and version, for example `bubblewrap 0.8.0`. */
  version: z.string(),
  filesystem: z.enum(['namespace', 'landlock', 'container', 'none']),
  network: z.enum(['namespace', 'seccomp', 'none', 'host']),
  processes: z.enum(['namespace', 'landlock', 'container', 'none']),
  memory: z.enum(['cgroup', 'rlimit+poll', 'container', 'interpreter']),
  cpu: z.enum(['cgroup', 'rlimit', 'container', 'interpreter']),
  pids: z.enum(['cgroup', 'rlimit', 'container', 'none']),
  disk: z.enum(['tmpfs', 'rlimit+poll', 'container', 'none']),
  seccomp: z.boolean(),
  /** Whether the program ran under a host user of its own, one that no other run shares at that moment. */
  uid: z.enum(['per-run', 'shared', 'container']),
  /** Was the interpreter started before the code was known? It served this one run and was then destroyed. */
  prestarted: z.boolean(),
  /** Protections this engine has elsewhere and lacks on this machine, each in one sentence. */
  missing: z.array(z.string()),
  /** SHA-256 of the engine's self-attack report from start-up, in hex. */
  self_test: z.string(),
});
export type IsolationReceipt = z.infer<typeof IsolationReceipt>;

/** An engine that a runner offers: it passed the self-attack when the runner started. */
export const OfferedEngine = z.object({
  engine: z.enum(ENGINES),
  level: z.enum(ISOLATION_LEVELS),
  version: z.string(),
  languages: z.array(z.string()),
  /** True if the runner may take it for `auto`; opt-in engines are false. */
  auto: z.boolean(),
  missing: z.array(z.string()),
});
export type OfferedEngine = z.infer<typeof OfferedEngine>;

/** An engine that a runner does not offer, and what would change that. */
export const RefusedEngine = z.object({ engine: z.enum(ENGINES), reason: z.string(), fix: z.string() });
export type RefusedEngine = z.infer<typeof RefusedEngine>;

export const OfferedLanguage = z.object({
  language: z.string(),
  version: z.string(),
  /** Needs a compile step before the run. */
  compiled: z.boolean(),
});
export type OfferedLanguage = z.infer<typeof OfferedLanguage>;
