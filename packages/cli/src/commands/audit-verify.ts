import { resolve } from 'node:path';
import { EXIT_CODES } from '@assay/contract/exit-codes';
import { type Command, Option } from 'commander';
import { readCheckpoints, readKeys } from '../audit/known-log.ts';
import { openLog } from '../audit/log-source.ts';
import { type Report, type Verdict, verifyLog } from '../audit/verify-log.ts';
import type { Cli } from '../cli.ts';
import { several } from '../option-value.ts';
import { addOutputOptions } from '../output-options.ts';
import { text } from '../view.ts';

type Options = { key?: string[]; checkpoint?: string[]; anchor?: string[]; log: string };

const HELP = `
Two verdicts:
  integrity     every entry hashes into the signed root, and what is personal matches its digest or was erased
  completeness  no entry is missing, moved or added, and the log goes on from the checkpoints that you kept

Without --key the keys that the log itself names are believed: whoever can sign anew can name his own. Keep one from
\`assay api GET /v1/audit-logs/keys\`. Without --checkpoint or --anchor a log that was cut together with its checkpoint
looks whole.

Ends with 0 when both hold, 10 when the integrity is broken, 11 when only the completeness is, 12 when one is unproven.`;

export function define(command: Command, cli: Cli): void {
  command
    .argument('[source]', 'file, address, or - for standard input; the log of the server when left out')
    .option('--key <key>', 'a key that may have signed, or a file of them; may be repeated', several)
    .option('--checkpoint <file>', 'a checkpoint from earlier; may be repeated', several)
    .option('--anchor <path>', 'file or folder that checkpoints were anchored in; may be repeated', several)
    .addOption(
      new Option('--log <log>', 'which log of the server')
        .choices(['organization', 'installation'])
        .default('organization'),
    )
    .addHelpText('after', HELP);
  addOutputOptions(command);
  command.action(async (source: string | undefined, options: Options) => {
    const kept = [...(options.checkpoint ?? []), ...(options.anchor ?? [])].map((path) => resolve(cli.cwd, path));
    const keys = await readKeys(options.key ?? []);
    const checkpoints = (await Promise.all(kept.map(readCheckpoints))).flat();
    const report = await verifyLog(await openLog(source, options.log, cli), { keys, checkpoints });
    cli.exit = exitOf(report);
    await cli.printer.show({ document: documentOf(report), human: text(describe(report)) });
  });
}

function exitOf({ integrity, completeness }: Report): Cli['exit'] {
  if (integrity.verdict === 'broken') return EXIT_CODES.integrityBroken;
  if (completeness.verdict === 'broken') return EXIT_CODES.incomplete;
  return integrity.verdict === 'holds' && completeness.verdict === 'holds' ? EXIT_CODES.ok : EXIT_CODES.unproven;
}

const documentOf = ({ key, ...report }: Report) => ({
  ...report,
  key: key && { id: key.id, verifier: key.verifier, pinned: key.isPinned },
});

function describe(report: Report): string {
  const { origin, entries, erased, key, compared } = report;
  const lines = [
    `log           ${origin ?? 'unknown'}`,
    `entries       ${entries}${erased > 0 ? `, of ${erased} the personal data was erased` : ''}`,
    `signed by     ${key === null ? 'nobody that is known' : `${key.id}${key.isPinned ? '' : ', which the log itself names'}`}`,
    ...describeVerdict('integrity', report.integrity),
    ...describeVerdict('completeness', report.completeness),
  ];
  if (key !== null && !key.isPinned) lines.push('', `Keep the key, and give it next time: --key ${key.verifier}`);
  if (compared === 0) lines.push('', 'Not compared with an earlier checkpoint: give --checkpoint or --anchor.');
  return `${lines.join('\n')}\n`;
}

const describeVerdict = (name: string, { verdict, faults }: Verdict): string[] => [
  `${name.padEnd(13)} ${verdict}`,
  ...faults.map(({ index, message }) => `  ${index === null ? '' : `entry ${index}: `}${message}`),
];
