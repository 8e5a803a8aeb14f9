import type { EvaluationRecord } from '@assay/sdk';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { fields, type Value } from '../view.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<id>', 'the run')
    .option('--wait <seconds>', 'answer after its end, or after that long (at most 60)', wholeNumber, 0);
  addOutputOptions(command, { quiet: 'print the id only' });
  command.action(async (id: string, { wait }: { wait: number }) => {
    const assay = await connect(cli);
    const record = await assay.evaluations.get(id, { wait, signal: cli.signal });
    await cli.printer.show({ document: record, ids: [record.eval_id], human: fields(...describe(record)) });
  });
}

function describe(record: EvaluationRecord): [string, Value][] {
  const { receipt } = record;
  return [
    ['id', record.eval_id],
    ['status', record.status],
    ['reason', record.reason],
    ['message', record.message],
    ['queue position', record.queue_position],
    ['exit code', record.exit_code],
    ['signal', record.signal],
    ['language', record.language],
    ['engine', record.engine],
    ['isolation', receipt && `${receipt.level}: ${receipt.version}`],
    ['created', record.created_at],
    ['started', record.started_at],
    ['ended', record.completed_at],
    ['runtime', milliseconds(record.runtime_ms)],
    ['cpu', milliseconds(record.cpu_ms)],
    ['memory peak', record.memory_peak_mb === null ? null : `${rounded(record.memory_peak_mb)} MiB`],
    ['files', record.files.map(({ path }) => path).join(', ')],
    ['output', firstLine(record.output)],
    ['error', firstLine(record.error)],
  ];
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
const milliseconds = (value: number | null): Value => (value === null ? null : `${rounded(value)} ms`);

function firstLine(output: string): string {
  const [first = '', ...more] = output.trimEnd().split('\n');
  return more.length === 0 ? first : `${first} … (${more.length} more lines: assay eval logs)`;
}
