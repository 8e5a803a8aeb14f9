import { type Command, Option } from 'commander';

/** Adds the options that say how a result is printed. */
export function addOutputOptions(command: Command, of: { quiet?: string; jsonl?: string } = {}): Command {
  const formats = [
    new Option('--json', 'print one JSON document'),
    ...(of.jsonl === undefined ? [] : [new Option('--jsonl', of.jsonl)]),
    ...(of.quiet === undefined ? [] : [new Option('-q, --quiet', of.quiet)]),
  ];
  const names = formats.map((option) => option.attributeName());
  for (const option of formats) {
    command.addOption(option.conflicts(names.filter((name) => name !== option.attributeName())));
  }
  return command;
}
