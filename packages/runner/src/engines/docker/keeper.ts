import type { Duplex } from 'node:stream';
import type { TarFile } from '../../files/tar.ts';
import { packTar } from '../../files/tar.ts';
import { demultiplex } from '../../output/multiplexed-stream.ts';

/** The keeper's user: not the program's, which could otherwise write the keeper's memory. */
export const KEEPER_USER = '65533:65533';

/**
 * The first process of every container, in the shell's own words so that it runs in any image. It unpacks the files,
 * says what it stands on, and then answers each line with the figures of the container's cgroup (version 2, else 1),
 * and when the line asks for it with the number of threads there are.
 * It forks nothing after that, so that a program which fills the process limit cannot take it down. It ends when its
 * input does: a runner that dies takes its containers with it.
 */
export const KEEPER_COMMAND = [
  '/bin/sh',
  '-c',
  `umask 0
cd /work || exit
chmod 777 . 2>/dev/null
IFS= read -r size && head -c "$size" | tar -x -p -f - || exit
IFS= read -r kernel < /proc/version
seccomp=0
while read -r key value; do [ "$key" = Seccomp: ] && seccomp=$value; done < /proc/self/status
echo "ready $seccomp $kernel"
cd /sys/fs/cgroup 2>/dev/null || cd /
pick() { while read -r key value; do [ "$key" = "$1" ] && found=$value && return; done; }
while read -r id count; do
  cpu= peak= kills= refusals= tasks=
  [ "$count" ] && set -- /proc/[0-9]*/task/[0-9]* && tasks=$#
  if [ -r cpu.stat ]; then
    found=; pick usage_usec < cpu.stat; cpu=\${found:+\${found}000}
    [ -r memory.peak ] && read -r peak < memory.peak
    found=; [ -r memory.events ] && pick oom_kill < memory.events; kills=$found
    found=; [ -r pids.events ] && pick max < pids.events; refusals=$found
  elif [ -r cpuacct/cpuacct.usage ]; then
    read -r cpu < cpuacct/cpuacct.usage
    read -r peak < memory/memory.max_usage_in_bytes
    found=; pick oom_kill < memory/memory.oom_control; kills=$found
    found=; pick max < pids/pids.events; refusals=$found
  fi
  echo "$id \${cpu:--} \${peak:--} \${kills:--} \${refusals:--} \${tasks:--}"
done`,
];

/** What a container stands on, as seen from inside. */
export type Footing = { seccomp: boolean; kernel: string };

/** Figures of a container's whole life; null where its kernel does not tell. */
export type Reading = {
  cpuMs: number | null;
  memoryPeakMb: number | null;
  memoryKills: number | null;
  refusedForks: number | null;
  /** Processes and threads of the program; null unless they were to be counted. */
  tasks: number | null;
};

/** The keeper itself. */
const OWN_TASKS = 1;
const STDERR = 2;
const MAX_COMPLAINT = 400;

/** The line to a container's keeper. */
export class Keeper {
  readonly #line: Duplex;
  readonly #waiting = new Map<string, (reading: Reading | undefined) => void>();
  readonly #ready = Promise.withResolvers<Footing>();
  #lastId = 0;
  #complaint = '';

  constructor(line: Duplex) {
    this.#line = line;
    this.#ready.promise.catch(() => undefined);
    line.on('error', () => undefined);
    void this.#listen();
  }

  /** Puts the files into the working directory. Rejects with the keeper's own words when it could not. */
  async unpack(files: readonly TarFile[]): Promise<Footing> {
    const archive = packTar(files);
    this.#line.write(`${archive.length}\n`);
    this.#line.write(archive);
    return this.#ready.promise;
  }

  /** The figures now; undefined when the keeper is gone or does not answer in time. */
  async read(withinMs: number, countTasks: boolean): Promise<Reading | undefined> {
    if (this.#line.destroyed || !this.#line.writable) return undefined;
    this.#lastId += 1;
    const id = String(this.#lastId);
    const { promise, resolve } = Promise.withResolvers<Reading | undefined>();
    this.#waiting.set(id, resolve);
    const patience = setTimeout(() => resolve(undefined), withinMs);
    this.#line.write(countTasks ? `${id} count\n` : `${id}\n`);
    try {
      return await promise;
    } finally {
      clearTimeout(patience);
      this.#waiting.delete(id);
    }
  }

  /** Ends the keeper, and with it the container. */
  hangUp(): void {
    this.#line.destroy();
  }

  async #listen(): Promise<void> {
    let text = '';
    try {
      for await (const { channel, bytes } of demultiplex(this.#line)) {
        if (channel === STDERR) {
          this.#complaint = (this.#complaint + bytes.toString()).slice(0, MAX_COMPLAINT);
          continue;
        }
        const lines = (text + bytes.toString()).split('\n');
        text = lines.pop() ?? '';
        for (const line of lines) this.#hear(line);
      }
    } catch {
      // A line that breaks says no more than one that ends.
    }
    this.#ready.reject(new Error(this.#complaint.trim() || 'the first process of the container ended'));
    for (const resolve of this.#waiting.values()) resolve(undefined);
  }

  #hear(line: string): void {
    const footing = /^ready (\d+) (.*)$/.exec(line);
    if (footing) this.#ready.resolve({ seccomp: footing[1] === '2', kernel: footing[2] ?? '' });
    const [id = '', cpu, peak, kills, refusals, tasks] = line.split(' ');
    const all = scaled(tasks, 1);
    this.#waiting.get(id)?.({
      cpuMs: scaled(cpu, 1e6),
      memoryPeakMb: scaled(peak, 2 ** 20),
      memoryKills: scaled(kills, 1),
      refusedForks: scaled(refusals, 1),
      tasks: all === null ? null : all - OWN_TASKS,
    });
  }
}

function scaled(text: string | undefined, unit: number): number | null {
  return text === undefined || !/^\d+$/.test(text) ? null : Number(text) / unit;
}
