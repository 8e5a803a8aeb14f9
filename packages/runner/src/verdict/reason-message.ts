import type { RunLimits, RunReason } from '@assay/contract/runner';

/** How a program ended, as far as a sentence about it needs to know. */
type Ending = { reason: RunReason; exitCode: number | null; signal: string | null };

/** One sentence for the caller about how a run ended; empty when all went well. */
export function reasonMessage(ending: Ending, limits: RunLimits): string {
  switch (ending.reason) {
    case 'ok':
      return '';
    case 'nonzero_exit':
      return `The program exited with code ${ending.exitCode}.`;
    case 'signal':
      return `The program was ended by ${ending.signal ?? 'a signal'}.`;
    case 'timeout':
      return `The program ran longer than its limit of ${limits.wall_ms} ms.`;
    case 'cpu_limit':
      return `The program used more CPU time than its limit of ${limits.cpu_ms} ms.`;
    case 'memory_limit':
      return `The program used more memory than its limit of ${limits.memory_mb} MB.`;
    case 'output_limit':
      return `The program wrote more than its limit of ${limits.output_bytes} bytes of output.`;
    case 'disk_limit':
      return `The program wrote more than its limit of ${limits.disk_mb} MB of files.`;
    case 'process_limit':
      return `The program started more than its limit of ${limits.processes} processes.`;
    case 'compile_error':
      return "The program did not compile; its standard error has the compiler's messages.";
    case 'cancelled':
      return 'The run was cancelled.';
    case 'setup_failed':
      return 'The run could not be set up.';
  }
}
