/** Where a program is about to run, as it looks from inside. */
export type Place = {
  /** The working directory, absolute. */
  work: string;
  /** The program that runs or compiles the language, absolute. */
  program: string;
  /** Memory that the step may use, megabytes; runtimes that size their heap by the machine must be told. */
  memoryMb: number;
};

/** What a compile step may use. It has limits of its own: a compiler needs more than most programs do. */
export type CompileStep = {
  /** The compiler and its arguments, to be run in the working directory. */
  argv(place: Place): readonly string[];
  /** Files that the step leaves and the run step needs, as globs under the working directory. */
  artefacts: readonly string[];
};

/** How one language is found on a machine, compiled and run. */
export type Language = {
  name: string;
  aliases: readonly string[];
  /** Name of the file that holds the code, in the working directory; null for a program that takes none. */
  source: string | null;
  /** Commands that can run or compile it, best first. Empty: the Node that runs this process. */
  commands: readonly string[];
  /** Arguments that make the command print its version, and where the version stands in what it prints. */
  version: { args: readonly string[]; pattern: RegExp };
  /** Directories or files under /etc without which it does not start. */
  settings?: readonly string[];
  /** Variables that both steps need. What the caller sets wins. */
  environment?: Readonly<Record<string, string>>;
  /**
   * Megabytes that its runtime maps when it starts and hardly touches. A limit on a process's data counts them, so it
   * must be that much higher; a limit on what is really used need not.
   */
  reservedMb?: number;
  compile?: CompileStep;
  /** The program and its arguments for the run step; the caller's own arguments follow. */
  run(place: Place): readonly string[];
};

/** A language that this machine can run, with the program that does. */
export type Toolchain = { language: Language; program: string; version: string };

/** A program that was found and is not used, and why. */
export type RejectedProgram = { language: string; path: string; reason: string };
