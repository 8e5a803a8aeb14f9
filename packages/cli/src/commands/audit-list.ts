import type { AuditEntry } from '@assay/contract';
import type { Assay } from '@assay/sdk';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { connect } from '../connection.ts';
import { moment, several, wholeNumber } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { table } from '../view.ts';

type Options = { filter?: string[]; from?: string; to?: string; order: string; limit: number };
type Page = { data: { audit_logs: AuditEntry[] }; links: { next?: string } };

/** The longest page that the server gives. */
const WHOLE_PAGE = 10_000;

export function define(command: Command, cli: Cli): void {
  command
    .option('--filter <filter>', 'column=a,b or column!=a,b, like event_type=apikey.created; may be repeated', several)
    .option('--from <when>', 'a date', moment)
    .option('--to <when>', 'a date', moment)
    .addOption(new Option('--order <order>', 'by time').choices(['asc', 'desc']).default('desc'))
    .option('--limit <n>', 'how many', wholeNumber, 50);
  addOutputOptions(command, { quiet: 'print ids only' });
  command.action(async (options: Options) => {
    const entries = await read(await connect(cli), options, cli.signal);
    await cli.printer.show({
      document: { audit_logs: entries },
      ids: entries.map(({ id }) => id),
      human: table(
        ['time', 'event', 'outcome', 'by', 'via', 'target', 'index'],
        entries.map((entry) => [
          entry.timestamp,
          entry.event_type,
          entry.outcome,
          `${entry.principal.kind}:${entry.principal.id}`,
          entry.via,
          entry.target && `${entry.target.type}:${entry.target.id}`,
          entry.index,
        ]),
        'There are no entries here.',
      ),
    });
  });
}

async function read(assay: Assay, options: Options, signal: AbortSignal): Promise<AuditEntry[]> {
  const { filter = [], from, to, order, limit } = options;
  const query = new URLSearchParams({ order, limit: String(Math.min(Math.max(limit, 1), WHOLE_PAGE)) });
  for (const one of filter) query.append('filter', one);
  if (from !== undefined) query.set('from', from);
  if (to !== undefined) query.set('to', to);
  const entries: AuditEntry[] = [];
  let path: string | undefined = `/v1/audit-logs?${query}`;
  while (path !== undefined && entries.length < limit) {
    const answer: Response = await assay.request({ method: 'GET', path }, { signal });
    const { data, links } = (await answer.json()) as Page;
    entries.push(...data.audit_logs);
    path = links.next;
  }
  return entries.slice(0, limit);
}
