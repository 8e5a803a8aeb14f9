import type { Command } from 'commander';
import type { Cli } from './cli.ts';

/** The module of a command: declares arguments and options, and what it does with them. */
export type CommandModule = { define(command: Command, cli: Cli): void };

/** One command. Its module is loaded when it is asked for, so that the others cost nothing. */
export type CatalogueEntry = {
  words: readonly [string] | readonly [group: string, verb: string];
  summary: string;
  /** Calls no server of its own accord, so it takes no options that say which. */
  isLocal?: true;
  /** Absent for what the server's own program does. */
  load?: () => Promise<CommandModule>;
};

/** Groups of commands, by their first word. */
export const GROUPS: Readonly<Record<string, string>> = {
  eval: 'Run untrusted code in a sandbox',
  workflows: 'Graphs of nodes that always come to an end',
  runs: 'Runs of workflows',
  approvals: 'What runs of workflows ask of people',
  schedules: 'Runs of workflows by the clock',
  jobs: 'Models asked in the background',
  assets: 'Files of your organization',
  keys: 'API keys of your organization',
  secrets: 'Secrets of your organization, and the keys that they are sealed with',
  budgets: 'Caps on what is spent',
  webhooks: 'Events, posted to addresses of your own',
  events: 'What happens in your organization',
  audit: 'The log of who did what',
  profile: 'Servers by name',
};

/** Every command, in the order of the help. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  { words: ['login'], summary: 'Sign in', load: () => import('./commands/login.ts') },
  { words: ['logout'], summary: 'Sign out', load: () => import('./commands/logout.ts') },
  {
    words: ['up'],
    summary: 'Start a server in the background',
    isLocal: true,
    load: () => import('./commands/up.ts'),
  },
  {
    words: ['down'],
    summary: 'Stop the server in the background',
    isLocal: true,
    load: () => import('./commands/down.ts'),
  },
  { words: ['status'], summary: 'Show how the server is', load: () => import('./commands/status.ts') },
  { words: ['serve'], summary: 'Run a server in the foreground' },
  { words: ['doctor'], summary: 'Check everything that a start needs' },
  { words: ['config'], summary: 'Show every setting with where it came from' },
  { words: ['backup'], summary: 'Write database and files into one file' },
  { words: ['restore'], summary: 'Fill the data directory from a backup' },
  { words: ['eval', 'run'], summary: 'Run a program', load: () => import('./commands/eval-run.ts') },
  { words: ['eval', 'get'], summary: 'Show all that is kept of a run', load: () => import('./commands/eval-get.ts') },
  { words: ['eval', 'logs'], summary: 'Show what a run has written', load: () => import('./commands/eval-logs.ts') },
  { words: ['eval', 'kill'], summary: 'End a run', load: () => import('./commands/eval-kill.ts') },
  { words: ['eval', 'list'], summary: 'List runs, newest first', load: () => import('./commands/eval-list.ts') },
  {
    words: ['eval', 'languages'],
    summary: 'List the languages that can be run',
    load: () => import('./commands/eval-languages.ts'),
  },
  {
    words: ['eval', 'engines'],
    summary: 'List the isolation that can be had, and what the rest lacks',
    load: () => import('./commands/eval-engines.ts'),
  },
  {
    words: ['workflows', 'validate'],
    summary: 'Find every fault of a workflow',
    load: () => import('./commands/workflows-validate.ts'),
  },
  {
    words: ['workflows', 'deploy'],
    summary: 'Add the next version of a workflow',
    load: () => import('./commands/workflows-deploy.ts'),
  },
  {
    words: ['workflows', 'list'],
    summary: 'List versions of workflows, newest first',
    load: () => import('./commands/workflows-list.ts'),
  },
  {
    words: ['workflows', 'get'],
    summary: 'Show a version of a workflow',
    load: () => import('./commands/workflows-get.ts'),
  },
  {
    words: ['run'],
    summary: 'Run a workflow',
    load: () => import('./commands/run.ts'),
  },
  {
    words: ['runs', 'list'],
    summary: 'List runs, newest first',
    load: () => import('./commands/runs-list.ts'),
  },
  {
    words: ['runs', 'get'],
    summary: 'Show a run and what it has come to',
    load: () => import('./commands/runs-get.ts'),
  },
  {
    words: ['runs', 'watch'],
    summary: 'Follow a run to its end',
    load: () => import('./commands/runs-watch.ts'),
  },
  {
    words: ['runs', 'cancel'],
    summary: 'End a run at once',
    load: () => import('./commands/runs-cancel.ts'),
  },
  {
    words: ['runs', 'retry'],
    summary: 'Make again what failed of a run, and keep the rest',
    load: () => import('./commands/runs-retry.ts'),
  },
  {
    words: ['runs', 'graph'],
    summary: 'Draw the nodes of a run, and how they stand',
    load: () => import('./commands/runs-graph.ts'),
  },
  {
    words: ['approvals', 'list'],
    summary: 'List what waits for your decision, longest first',
    load: () => import('./commands/approvals-list.ts'),
  },
  {
    words: ['approvals', 'get'],
    summary: 'Show what a node of a run asks',
    load: () => import('./commands/approvals-get.ts'),
  },
  {
    words: ['approvals', 'approve'],
    summary: 'Say yes to what a node asks',
    load: () => import('./commands/approvals-approve.ts'),
  },
  {
    words: ['approvals', 'reject'],
    summary: 'Say no to what a node asks',
    load: () => import('./commands/approvals-reject.ts'),
  },
  {
    words: ['schedules', 'create'],
    summary: 'Have runs of a workflow made by the clock',
    load: () => import('./commands/schedules-create.ts'),
  },
  {
    words: ['schedules', 'list'],
    summary: 'List schedules, newest first',
    load: () => import('./commands/schedules-list.ts'),
  },
  {
    words: ['schedules', 'get'],
    summary: 'Show a schedule, and what came of it',
    load: () => import('./commands/schedules-get.ts'),
  },
  {
    words: ['schedules', 'update'],
    summary: 'Change a schedule',
    load: () => import('./commands/schedules-update.ts'),
  },
  {
    words: ['schedules', 'pause'],
    summary: 'Let a schedule make no runs',
    load: () => import('./commands/schedules-pause.ts'),
  },
  {
    words: ['schedules', 'resume'],
    summary: 'Go on with a paused schedule',
    load: () => import('./commands/schedules-resume.ts'),
  },
  {
    words: ['schedules', 'run'],
    summary: 'Make a run of a schedule now',
    load: () => import('./commands/schedules-run.ts'),
  },
  {
    words: ['schedules', 'delete'],
    summary: 'Delete a schedule',
    load: () => import('./commands/schedules-delete.ts'),
  },
  {
    words: ['jobs', 'create'],
    summary: 'Have a model asked in the background',
    load: () => import('./commands/jobs-create.ts'),
  },
  {
    words: ['jobs', 'list'],
    summary: 'List jobs, newest first',
    load: () => import('./commands/jobs-list.ts'),
  },
  {
    words: ['jobs', 'get'],
    summary: 'Show a job and what it gave',
    load: () => import('./commands/jobs-get.ts'),
  },
  {
    words: ['jobs', 'watch'],
    summary: 'Follow a job to its end',
    load: () => import('./commands/jobs-watch.ts'),
  },
  {
    words: ['jobs', 'cancel'],
    summary: 'End a job',
    load: () => import('./commands/jobs-cancel.ts'),
  },
  {
    words: ['jobs', 'retry'],
    summary: 'Have a job done again that failed or was cancelled',
    load: () => import('./commands/jobs-retry.ts'),
  },
  {
    words: ['jobs', 'usage'],
    summary: 'Show what everything that a job caused came to',
    load: () => import('./commands/jobs-usage.ts'),
  },
  {
    words: ['jobs', 'dead-letters'],
    summary: 'List jobs that failed for good',
    load: () => import('./commands/jobs-dead-letters.ts'),
  },
  {
    words: ['jobs', 'replay'],
    summary: 'Have jobs done again that failed for good',
    load: () => import('./commands/jobs-replay.ts'),
  },
  {
    words: ['assets', 'put'],
    summary: 'Upload a file',
    load: () => import('./commands/assets-put.ts'),
  },
  {
    words: ['assets', 'get'],
    summary: 'Download a file',
    load: () => import('./commands/assets-get.ts'),
  },
  {
    words: ['assets', 'list'],
    summary: 'List files, newest first',
    load: () => import('./commands/assets-list.ts'),
  },
  {
    words: ['assets', 'rm'],
    summary: 'Delete a file',
    load: () => import('./commands/assets-rm.ts'),
  },
  { words: ['keys', 'create'], summary: 'Make a key', load: () => import('./commands/keys-create.ts') },
  { words: ['keys', 'list'], summary: 'List keys, newest first', load: () => import('./commands/keys-list.ts') },
  { words: ['keys', 'revoke'], summary: 'End a key at once', load: () => import('./commands/keys-revoke.ts') },
  { words: ['secrets', 'set'], summary: 'Keep or replace a secret', load: () => import('./commands/secrets-set.ts') },
  { words: ['secrets', 'list'], summary: 'List secrets by name', load: () => import('./commands/secrets-list.ts') },
  {
    words: ['secrets', 'delete'],
    summary: 'Throw a secret away',
    load: () => import('./commands/secrets-delete.ts'),
  },
  {
    words: ['secrets', 'rotate-keys'],
    summary: 'Give the organization new data keys',
    load: () => import('./commands/secrets-rotate-keys.ts'),
  },
  {
    words: ['secrets', 'rotate-master'],
    summary: 'Move the installation to another master key',
    load: () => import('./commands/secrets-rotate-master.ts'),
  },
  {
    words: ['whoami'],
    summary: 'Show who you are here and what you may do',
    load: () => import('./commands/whoami.ts'),
  },
  {
    words: ['profile', 'list'],
    summary: 'List profiles',
    isLocal: true,
    load: () => import('./commands/profile-list.ts'),
  },
  {
    words: ['profile', 'use'],
    summary: 'Make a profile the one that commands use',
    isLocal: true,
    load: () => import('./commands/profile-use.ts'),
  },
  {
    words: ['profile', 'set'],
    summary: 'Make a profile, or change one',
    isLocal: true,
    load: () => import('./commands/profile-set.ts'),
  },
  {
    words: ['profile', 'remove'],
    summary: 'Forget a profile with what it signs in with',
    isLocal: true,
    load: () => import('./commands/profile-remove.ts'),
  },
  { words: ['usage'], summary: 'Show what was used and what it cost', load: () => import('./commands/usage.ts') },
  {
    words: ['budgets', 'list'],
    summary: 'List budgets and how they stand',
    load: () => import('./commands/budgets-list.ts'),
  },
  {
    words: ['budgets', 'create'],
    summary: 'Cap what may be spent in a period',
    load: () => import('./commands/budgets-create.ts'),
  },
  { words: ['budgets', 'delete'], summary: 'Delete a budget', load: () => import('./commands/budgets-delete.ts') },
  {
    words: ['webhooks', 'list'],
    summary: 'List webhooks and how they fare',
    load: () => import('./commands/webhooks-list.ts'),
  },
  {
    words: ['webhooks', 'create'],
    summary: 'Have an address told of events',
    load: () => import('./commands/webhooks-create.ts'),
  },
  { words: ['webhooks', 'get'], summary: 'Show a webhook', load: () => import('./commands/webhooks-get.ts') },
  { words: ['webhooks', 'update'], summary: 'Change a webhook', load: () => import('./commands/webhooks-update.ts') },
  {
    words: ['webhooks', 'test'],
    summary: 'Send a test message, and show what came of it',
    load: () => import('./commands/webhooks-test.ts'),
  },
  {
    words: ['webhooks', 'deliveries'],
    summary: 'List what was sent, newest first',
    load: () => import('./commands/webhooks-deliveries.ts'),
  },
  {
    words: ['webhooks', 'redeliver'],
    summary: 'Send a message once more',
    load: () => import('./commands/webhooks-redeliver.ts'),
  },
  {
    words: ['webhooks', 'rotate'],
    summary: 'Give a webhook a new secret',
    load: () => import('./commands/webhooks-rotate.ts'),
  },
  {
    words: ['webhooks', 'disable'],
    summary: 'Send a webhook nothing any more',
    load: () => import('./commands/webhooks-disable.ts'),
  },
  {
    words: ['webhooks', 'enable'],
    summary: 'Send a disabled webhook messages again',
    load: () => import('./commands/webhooks-enable.ts'),
  },
  { words: ['webhooks', 'delete'], summary: 'Delete a webhook', load: () => import('./commands/webhooks-delete.ts') },
  {
    words: ['events', 'tail'],
    summary: 'Show what happens, as it happens',
    load: () => import('./commands/events-tail.ts'),
  },
  {
    words: ['listen'],
    summary: 'Post events to a program on this machine, as a webhook would',
    load: () => import('./commands/listen.ts'),
  },
  {
    words: ['audit', 'list'],
    summary: 'List entries of the audit log, newest first',
    load: () => import('./commands/audit-list.ts'),
  },
  {
    words: ['audit', 'export'],
    summary: 'Write the whole audit log, to be verified anywhere',
    load: () => import('./commands/audit-export.ts'),
  },
  {
    words: ['audit', 'verify'],
    summary: 'Verify an exported audit log without trusting the server',
    load: () => import('./commands/audit-verify.ts'),
  },
  {
    words: ['audit', 'checkpoint'],
    summary: 'Show the newest signed checkpoint, to be kept elsewhere',
    load: () => import('./commands/audit-checkpoint.ts'),
  },
  { words: ['api'], summary: 'Send any request', load: () => import('./commands/api.ts') },
  {
    words: ['help'],
    summary: 'Explain a command, or one of: exit-codes, environment',
    isLocal: true,
    load: () => import('./commands/help.ts'),
  },
];

/** The command that the words on the command line name; undefined when they name none. */
export const findCommand = (argv: readonly string[]): CatalogueEntry | undefined =>
  CATALOGUE.find(({ words }) => words.every((word, index) => argv[index] === word));
