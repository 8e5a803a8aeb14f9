import type { JsonObject } from '../model.ts';

/*
 * tool       a program that workflows may have run, with arguments that are typed instead of written
 * arguments  an object that fits the tool's schema; the tool makes a command line of it, never a shell
 */
export type Tool = {
  /** As definitions name it. */
  operation: string;
  /** As runners that have the program offer it, and as a capability. */
  program: string;
  summary: string;
  /** JSON Schema of its arguments. */
  schema: JsonObject;
  /** The command line behind the program's name. @throws AppError `invalid` for a value that no schema can refuse */
  argv(values: JsonObject): string[];
  /** What is given to it as a file, where it takes a program of its own. */
  code?(values: JsonObject): string;
  /** Exit codes beside 0 that tell something else than a failure. */
  accepts?(exitCode: number): boolean;
};
