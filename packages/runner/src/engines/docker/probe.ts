import type { RunLimits } from '@assay/contract/runner';
import type Docker from 'dockerode';
import { demultiplex } from '../../output/multiplexed-stream.ts';
import { Container } from './container.ts';
import type { ContainerKind } from './container-plan.ts';
import type { ImageLanguage } from './images.ts';
import { commandIn } from './images.ts';
import type { Footing } from './keeper.ts';

/** What starting every image once has shown. */
export type ProbeResult = {
  languages: ImageLanguage[];
  /** Images that are not there, or lack what they are for, each with the reason. */
  unfit: string[];
  footing: Footing | undefined;
};

const PROBE_LIMITS: RunLimits = {
  wall_ms: 30_000,
  cpu_ms: 30_000,
  memory_mb: 128,
  processes: 32,
  cpus: 1,
  output_bytes: 1 << 16,
  file_size_mb: 1,
  disk_mb: 4,
  open_files: 64,
};

/** Starts each image that the container engine has, as every run will be started, and looks for its languages. */
export async function probeImages(
  docker: Docker,
  kind: ContainerKind,
  wanted: readonly ImageLanguage[],
): Promise<ProbeResult> {
  const result: ProbeResult = { languages: [], unfit: [], footing: undefined };
  const byImage = Map.groupBy(wanted, ({ image }) => image);
  await Promise.all(
    [...byImage].map(async ([image, languages]) => {
      try {
        await docker.getImage(image).inspect();
      } catch {
        result.unfit.push(`${image} is not there`);
        return;
      }
      try {
        await using container = await Container.start(docker, kind, {
          image,
          limits: PROBE_LIMITS,
          files: [],
        });
        const present = await commandsOf(
          container,
          languages.map(({ language }) => commandIn(language)),
        );
        const found = languages.filter(({ language }) => present.has(commandIn(language)));
        result.footing ??= container.footing;
        result.languages.push(...found);
        const missing = languages.filter((language) => !found.includes(language));
        result.unfit.push(...missing.map(({ language }) => `${image} has no ${commandIn(language)}`));
      } catch (error) {
        result.unfit.push(`${image} does not start: ${error instanceof Error ? error.message.trim() : error}`);
      }
    }),
  );
  return result;
}

async function commandsOf(container: Container, commands: readonly string[]): Promise<Set<string>> {
  const script = 'for name; do command -v "$name" >/dev/null && echo "$name"; done';
  const { connection } = await container.execute(['/bin/sh', '-c', script, 'sh', ...commands], {});
  connection.end();
  let text = '';
  for await (const { channel, bytes } of demultiplex(connection)) if (channel === 1) text += bytes.toString();
  return new Set(text.split('\n'));
}
