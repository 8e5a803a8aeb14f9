import type { RunLimits } from '@assay/contract/runner';

/** A compiler needs more than most programs do, and is held to limits of its own. */
export const COMPILE_LIMITS: RunLimits = {
  wall_ms: 60_000,
  cpu_ms: 60_000,
  memory_mb: 1024,
  processes: 128,
  cpus: 2,
  output_bytes: 64 << 10,
  file_size_mb: 128,
  disk_mb: 512,
  open_files: 512,
};
