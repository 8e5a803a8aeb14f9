import { createHmac, randomBytes } from 'node:crypto';
import type { StreamEvent } from '@assay/contract';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { usageError } from '../cli-error.ts';
import { connect } from '../connection.ts';
import { addOutputOptions } from '../output-options.ts';

type Options = { forwardTo: string; event?: string[]; secret?: string };

/** A receiver has as long as the server would give it. */
const TIMEOUT_MS = 15_000;
const SECRET = /^whsec_[A-Za-z0-9+/]{32,}={0,2}$/;

const HELP = `
Follows events and posts each to a program of yours as a webhook would, signed with a secret that is printed at the start.
What the program refuses is not tried again. The command goes on until it is interrupted.`;

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

export function define(command: Command, cli: Cli): void {
  command
    .requiredOption('--forward-to <url>', 'where the program listens: http://localhost:3000/hook')
    .option(
      '--event <pattern>',
      'a type of events, * for any characters: budget.*; may be repeated; all unless given',
      collect,
    )
    .option('--secret <secret>', 'sign with this one (whsec_…) and not with a new one')
    .addHelpText('after', HELP);
  addOutputOptions(command, { jsonl: 'an event a line, with what the program answered' });
  command.action(async ({ forwardTo, event: types = [], secret = newSecret() }: Options) => {
    if (!URL.canParse(forwardTo) || !/^https?:$/.test(new URL(forwardTo).protocol))
      throw usageError(`${forwardTo} is no address of a program. It looks like http://localhost:3000/hook.`);
    if (!SECRET.test(secret)) throw usageError('A secret is `whsec_` and base64, of 24 bytes at least.');
    const assay = await connect(cli);
    await cli.printer.note(`Forwarding to ${forwardTo}, signed with ${secret}`);
    for await (const event of assay.events.stream({ types }, { signal: cli.signal })) {
      const outcome = await forward(event, { url: forwardTo, secret, signal: cli.signal });
      if (cli.printer.format === 'jsonl') await cli.printer.event({ event, ...outcome });
      else
        await cli.printer.program(
          'stdout',
          `${event.occurred_at}\t${event.type}\t${event.subject}\t${said(outcome)}\n`,
        );
    }
  });
}

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

type Outcome = { response_status: number | null; error: string | null };
const said = ({ response_status, error }: Outcome): string => error ?? String(response_status);

async function forward(
  event: StreamEvent,
  { url, secret, signal }: { url: string; secret: string; signal: AbortSignal },
): Promise<Outcome> {
  const { type, occurred_at: timestamp, organization_id, subject, data } = event;
  const body = JSON.stringify({ type, timestamp, organization_id, subject, data });
  const id = `evt_${event.id}`;
  const seconds = String(Math.floor(Date.now() / 1000));
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': `v1,${signature}`,
  };
  try {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signals = AbortSignal.any([signal, timeout]);
    const answer = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: signals });
    await answer.body?.cancel();
    return { response_status: answer.status, error: null };
  } catch (thrown) {
    signal.throwIfAborted();
    const { code } = (thrown as { cause?: { code?: string } }).cause ?? {};
    return { response_status: null, error: code === 'ECONNREFUSED' ? 'nobody listens there' : 'no answer' };
  }
}
