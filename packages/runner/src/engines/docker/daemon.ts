import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type Docker from 'dockerode';

/** Where a container engine listens, and how to trust it. */
export type DaemonAddress = {
  /** `unix:///path/to.sock`, or `https://host:port` with certificates. */
  host: string;
  /** Folder with ca.pem, cert.pem and key.pem, for `https`. */
  certificates?: string;
};

/** What a container engine can do, as it says itself. */
export type DaemonFacts = {
  version: string;
  kernel: string;
  cores: number;
  seccomp: boolean;
  swapLimit: boolean;
  runtimes: readonly string[];
};

/** A prerequisite of the engine that is not met, and what would meet it. */
export class DaemonUnfit extends Error {
  readonly fix: string;

  constructor(reason: string, fix: string, cause?: unknown) {
    super(reason, { cause });
    this.fix = fix;
  }
}

/** A client for the container engine at this address. Loads the client library. */
export async function connectDaemon(address: DaemonAddress): Promise<Docker> {
  const { default: Client } = await import('dockerode');
  const url = URL.parse(address.host);
  if (url?.protocol === 'unix:') return new Client({ socketPath: decodeURIComponent(url.pathname) });
  if (url?.protocol === 'https:' && address.certificates !== undefined) {
    const [ca, cert, key] = await Promise.all(
      ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readFile(path.join(address.certificates ?? '', name))),
    );
    if (ca && cert && key) return new Client({ protocol: 'https', host: url.hostname, port: url.port, ca, cert, key });
  }
  throw new DaemonUnfit(
    `The address of the container engine can not be used: ${address.host}.`,
    'Give unix:///path/to.sock, or https://host:port with a folder of certificates: who reaches the socket is root there.',
  );
}

/** Asks the container engine what it is; refuses one that cannot hold what every run asks for. */
export async function inspectDaemon(docker: Docker, host: string): Promise<DaemonFacts> {
  const info = (await docker.info().catch((error: NodeJS.ErrnoException) => {
    throw unreachable(host, error);
  })) as DaemonInfo;
  const lacking = [
    info.OSType === 'linux' ? '' : 'Linux containers',
    info.MemoryLimit ? '' : 'a memory limit',
    info.PidsLimit === false ? 'a limit of processes' : '',
    info.CpuCfsQuota ? '' : 'a share of CPU time',
  ].filter(Boolean);
  if (lacking.length > 0) {
    const fix = 'Give it writable cgroups with the memory, pids and cpu controllers (docker info shows warnings).';
    throw new DaemonUnfit(`The container engine at ${host} has no ${lacking.join(', no ')}.`, fix);
  }
  return {
    version: info.ServerVersion ?? 'unknown',
    kernel: info.KernelVersion ?? '',
    cores: info.NCPU ?? 1,
    seccomp: (info.SecurityOptions ?? []).some((option) => option.includes('name=seccomp')),
    swapLimit: info.SwapLimit ?? false,
    runtimes: Object.keys(info.Runtimes ?? {}),
  };
}

/** Removes containers that an earlier life of this runner left. Answers how many there were. */
export async function removeOrphans(docker: Docker, label: string): Promise<number> {
  const orphans = await docker.listContainers({ all: true, filters: { label: [label] } });
  await Promise.all(orphans.map(({ Id }) => removeContainer(docker.getContainer(Id))));
  return orphans.length;
}

/** Kills and removes a container; one that is gone, or going, is fine. */
export async function removeContainer(container: Docker.Container): Promise<void> {
  try {
    await container.remove({ force: true, v: true });
  } catch (error) {
    const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined;
    if (status !== 404 && status !== 409) throw error;
  }
}

/** The part of `GET /info` that matters here; not every compatible engine fills every field. */
type DaemonInfo = {
  OSType?: string;
  ServerVersion?: string;
  KernelVersion?: string;
  NCPU?: number;
  MemoryLimit?: boolean;
  SwapLimit?: boolean;
  PidsLimit?: boolean;
  CpuCfsQuota?: boolean;
  SecurityOptions?: string[] | null;
  Runtimes?: Record<string, unknown> | null;
};

function unreachable(host: string, error: NodeJS.ErrnoException): DaemonUnfit {
  const reason = `No container engine answers at ${host}: ${error.code ?? error.message}.`;
  const fix =
    error.code === 'EACCES'
      ? 'Give the runner access to the socket (a group of its own; it means root on that host).'
      : 'Start the container engine, or correct the configured address.';
  return new DaemonUnfit(reason, fix, error);
}
