/** What one invocation is given. */
export type Invocation = { args: readonly string[]; env: NodeJS.ProcessEnv; cwd: string };
/** Runs to its end and gives the exit code. */
export type Program = (invocation: Invocation) => Promise<number>;

/** What the server package does, by the word that starts it; each is loaded when it is asked for. */
export const PROGRAMS: Readonly<Record<string, Program>> = {
  serve: async (invocation) => (await import('./serve.ts')).serve(invocation),
  config: async (invocation) => (await import('./show-config.ts')).showConfig(invocation),
  doctor: async (invocation) => (await import('./doctor.ts')).doctor(invocation),
  backup: async (invocation) => (await import('./backup.ts')).backUp(invocation),
  restore: async (invocation) => (await import('./restore.ts')).restoreBackup(invocation),
};
