import { usageError } from './cli-error.ts';

/**
 * Reads `NAME` or `NAME@VERSION`.
 * @throws CliError when the version is no number
 */
export function readWorkflowName(argument: string): { name: string; version?: number } {
  const at = argument.lastIndexOf('@');
  if (at < 0) return { name: argument };
  const version = argument.slice(at + 1);
  if (!/^[1-9]\d{0,8}$/.test(version)) throw usageError(`${argument} names no version. It looks like orders@2.`);
  return { name: argument.slice(0, at), version: Number(version) };
}
