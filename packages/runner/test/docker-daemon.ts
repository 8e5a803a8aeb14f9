import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chmod, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { makeRootFileSystem } from './container-image.ts';

/** A container engine of our own, that touches neither the machine's firewall nor its network. */
export type TestDaemon = AsyncDisposable & { host: string; image: string; client: Docker };

const DOCKERD = '/usr/sbin/dockerd';
const IMAGE = 'assay-test:latest';
const START_MS = 30_000;
const FLAGS = '--bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false'.split(' ');

/** Starts Debian's dockerd with one image in it, and gVisor as the runtime `runsc`. */
export async function startDockerDaemon(): Promise<TestDaemon> {
  await access(DOCKERD).catch((error: unknown) => {
    throw new Error('docker.io is not installed: sh scripts/setup-system.sh --with-tests', { cause: error });
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'assay-dockerd-'));
  const [socket, log, runsc] = ['docker.sock', 'log', 'runsc'].map((name) => path.join(folder, name));
  if (!socket || !log || !runsc) throw new Error('unreachable');
  await writeFile(runsc, '#!/bin/sh\nexec /usr/bin/runsc --network=none --platform=ptrace "$@"\n');
  await chmod(runsc, 0o755);
  await using output = await open(log, 'w');
  const places = { '--data-root': 'data', '--exec-root': 'exec', '--pidfile': 'pid' };
  const paths = Object.entries(places).map(([flag, name]) => `${flag}=${path.join(folder, name)}`);
  const daemon = spawn(DOCKERD, [...FLAGS, ...paths, `--host=unix://${socket}`, `--add-runtime=runsc=${runsc}`], {
    stdio: ['ignore', output.fd, output.fd],
  });
  const client = new Docker({ socketPath: socket });
  const stop = async (): Promise<void> => {
    if (daemon.exitCode === null) {
      daemon.kill('SIGTERM');
      await once(daemon, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    for (const deadline = Date.now() + START_MS; ; await delay(100)) {
      if (await client.ping().catch(() => false)) break;
      if (daemon.exitCode !== null || Date.now() > deadline) {
        throw new Error(`dockerd did not start: ${(await readFile(log, 'utf8')).slice(-2000)}`);
      }
    }
    await using root = await makeRootFileSystem();
    const [repo, tag] = IMAGE.split(':');
    const done = await client.importImage(root.archive(), { repo, tag });
    done.resume();
    await once(done, 'end');
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: `unix://${socket}`, image: IMAGE, client, [Symbol.asyncDispose]: stop };
}
