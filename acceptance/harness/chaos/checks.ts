import type { Job, ScheduleFiring, StreamEvent, UsageRecord, WorkflowRun } from '@assay/contract';
import { inDatabase } from '../database.ts';
import type { FaultyProvider } from '../faulty-provider.ts';
import { endsOf, readHistory } from '../history.ts';
import type { Server } from '../server.ts';
import { dataOf } from '../workflow-client.ts';
import { ITEMS, WORDS } from './definitions.ts';
import type { Decided, MixedLoad } from './mixed-load.ts';
import type { OrderDesk } from './order-desk.ts';

const MINUTE_MS = 60_000;
const ENDS: readonly string[] = ['completed', 'failed', 'cancelled'];

type Of = { api: Server; orgId: string; load: MixedLoad; desk: OrderDesk; provider: FaultyProvider };

/** Reads the history of everything that was accepted, and says of each kind what is not as it must be. */
export class Checks {
  readonly #api: Server;
  readonly #orgId: string;
  readonly #load: MixedLoad;
  readonly #desk: OrderDesk;
  readonly #provider: FaultyProvider;

  constructor({ api, orgId, load, desk, provider }: Of) {
    this.#api = api;
    this.#orgId = orgId;
    this.#load = load;
    this.#desk = desk;
    this.#provider = provider;
  }

  /** Each run has ended, has no end behind an end, and says what was told of it; each effect of a node is there once. */
  async wrongRuns(): Promise<object[]> {
    const { runs, meddled, asked } = this.#load.accepted;
    const told = Map.groupBy(await this.#historyOf('workflow.run.*'), ({ subject }) => subject);
    const wrong: object[] = [];
    for (const [of, names] of Object.entries({ whole: runs, brief: meddled, desk: asked }))
      for (const [name, id] of names) {
        const run = await this.#run(id);
        const types = (told.get(id) ?? []).map(({ type }) => type.replace('workflow.run.', ''));
        const isGoneOn = of === 'brief';
        const faults = [
          ...faultsOfEnds(run, types, isGoneOn),
          ...(run.state === 'completed' ? this.#faultsOfWhole(of as keyof typeof WORDS, name, run) : faultsOfPart(run)),
        ];
        if (faults.length > 0) wrong.push({ id, of, faults, state: run.state, error: run.error, types });
      }
    return wrong;
  }

  #faultsOfWhole(of: keyof typeof WORDS, name: string, { id, context: kept }: WorkflowRun): string[] {
    const context = kept ?? {};
    const found = {
      words: [...(context['words'] as string[])].sort(),
      ...(of === 'whole' && { many: context['many'], below: context['below'] }),
      ...(of !== 'desk' && { told: context['told'], answers: context['answer'] !== undefined }),
      ...(of === 'desk' && { decision: isOneOf(this.#load.decisions.get(id) ?? [], context['decide']) }),
    };
    const right = {
      words: WORDS[of],
      ...(of === 'whole' && { many: ITEMS.map((n) => n * 2), below: 42 }),
      ...(of !== 'desk' && { told: { receipt: this.#desk.receipts.get(`${id}:tell`)?.receipt }, answers: true }),
      ...(of === 'desk' && { decision: true }),
    };
    const isTold = of === 'desk' || this.#desk.receipts.get(`${id}:tell`)?.order === name;
    return [
      ...(JSON.stringify(found) === JSON.stringify(right) ? [] : [`wrote ${JSON.stringify(found)}`]),
      ...(isTold ? [] : ['the service was told of another order']),
    ];
  }

  /** What was ordered by one caller was done under one key, however often it was asked for. */
  doubledOrders(): string[] {
    const keys = Map.groupBy([...this.#desk.receipts], ([, { order }]) => order);
    return [...keys].filter(([, of]) => of.length > 1).map(([order]) => order);
  }

  async wrongPrograms(): Promise<object[]> {
    const ends = endsOf(await readHistory(this.#api));
    const wrong: object[] = [];
    for (const [prints, id] of this.#load.accepted.evaluations) {
      const { output, reason, attempt } = await this.#api.sdk().evaluations.get(id);
      const told = ends.get(id)?.length;
      // What lost its runner at every attempt is given up; everything else ran to its end, and shows one run's output.
      const isRight = reason === 'runner_lost' ? attempt === 3 : reason === 'ok' && output === `${prints}\n`;
      if (!isRight || told !== 1) wrong.push({ id, reason, output, attempt, told });
    }
    return wrong;
  }

  async wrongJobs(): Promise<object[]> {
    const told = Map.groupBy(await this.#historyOf('job.*'), ({ subject }) => subject);
    const wrong: object[] = [];
    for (const id of this.#load.accepted.jobs.values()) {
      const { job } = await this.#read<{ job: Job }>(`/v1/jobs/${id}`);
      const ends = (told.get(id) ?? []).filter(({ type }) => ENDS.includes(type.replace('job.', '')));
      if (job.status !== 'completed' || ends.length !== 1) wrong.push({ id, error: job.error, ends });
    }
    return wrong;
  }

  /**
   * Calls by hand were billed once. Of those that runs and jobs made each that reached the model is billed, and no more of them
   * as completed than the model gave whole answers.
   */
  async wrongBills(): Promise<object[]> {
    const { calls, runs, meddled, jobs } = this.#load.accepted;
    const records = await this.#usageRecords();
    const byTag = Map.groupBy(records, ({ tags }) => tags['call'] ?? '');
    const byWork = Map.groupBy(records, ({ work }) => work?.id ?? '');
    const wrong: object[] = [...calls]
      .filter((call) => byTag.get(call)?.length !== 1)
      .map((call) => ({ call, bills: byTag.get(call) }));
    for (const [name, id] of [...runs, ...meddled, ...jobs]) {
      const { asked, counted } = this.#provider.served(name);
      const bills = byWork.get(id) ?? [];
      const completed = bills.filter(({ outcome }) => outcome === 'completed');
      const isCounted = completed.every(
        ({ input_tokens, output_tokens }) => input_tokens === counted?.input && output_tokens === counted.output,
      );
      if (asked > bills.length || completed.length > asked || !isCounted) wrong.push({ id, asked, counted, bills });
    }
    return wrong;
  }

  /** Files that are not what was sent. */
  async lostAssets(): Promise<string[]> {
    const lost: string[] = [];
    for (const [name, id] of this.#load.accepted.assets)
      if ((await this.#api.as().get(`/v1/assets/${id}`)).text !== name) lost.push(id);
    return lost;
  }

  /** Each minute since the schedule was made has one firing, and that one run. The list has the last ten. */
  async wrongFirings(scheduleId: string): Promise<object[]> {
    const path = `/v1/workflow-schedules/${scheduleId}`;
    const { firings } = await this.#read<{ firings: ScheduleFiring[] }>(path);
    const minutes = firings.map(({ scheduled_for }) => Date.parse(scheduled_for) / MINUTE_MS);
    const wrong: object[] = firings.filter(({ outcome, workflow_run_id }) => outcome !== 'started' || !workflow_run_id);
    minutes.forEach((minute, at) => {
      const before = minutes[at + 1];
      if (before !== undefined && before !== minute - 1) wrong.push({ minute, before });
    });
    return wrong;
  }

  /** What is still held although nothing is under way. */
  leftovers(): Promise<Record<string, unknown>[]> {
    return inDatabase(this.#api, async (client) => {
      await client.query('set role assay_system');
      const { rows } = await client.query(`
        select 'workflow node' as what, count(*)::int from workflow_nodes where state = 'running'
        union all select 'evaluation', count(*)::int from evaluations where state in ('queued', 'running')
        union all select 'reservation', count(*)::int from reservations
        union all select 'delivery', count(*)::int from webhook_deliveries where state = 'pending'`);
      return rows.filter(({ count }) => count > 0);
    });
  }

  async #usageRecords(): Promise<UsageRecord[]> {
    const records: UsageRecord[] = [];
    let path: string | undefined = `/v1/organizations/${this.#orgId}/usage/records?limit=200`;
    while (path !== undefined) {
      const { body } = await this.#api.as().get(path);
      const { data, links } = body as { data: { usage_records: UsageRecord[] }; links: { next?: string } };
      records.push(...data.usage_records);
      path = links.next;
    }
    return records;
  }

  /** Everything that the event stream has told of a family until now. */
  async #historyOf(types: string): Promise<StreamEvent[]> {
    const assay = this.#api.sdk();
    const { id } = (await assay.apiKeys.create({ name: 'Marks a moment', scopes: ['events:read'] })).api_key;
    const told: StreamEvent[] = [];
    for await (const event of assay.events.stream({ types: [types, 'apikey.created'] }, { lastEventId: '0-0' })) {
      if (event.subject === id) return told;
      told.push(event);
    }
    throw new Error('The event stream ended before it told of the mark.');
  }

  async #run(id: string): Promise<WorkflowRun> {
    return (await this.#read<{ workflow_run: WorkflowRun }>(`/v1/workflow-runs/${id}`)).workflow_run;
  }

  async #read<Data>(path: string): Promise<Data> {
    return dataOf<Data>(await this.#api.as().get(path));
  }
}

/** A run that somebody retried has gone on behind an end; no other has. */
function faultsOfEnds({ state, completed_at }: WorkflowRun, types: readonly string[], isGoneOn: boolean): string[] {
  const ends = types.filter((type) => ENDS.includes(type));
  const isDoubled = types.some((type, at) => ENDS.includes(type) && at > 0 && ENDS.includes(types[at - 1] ?? ''));
  return [
    ...(completed_at === null ? ['has not ended'] : []),
    ...(isDoubled || (!isGoneOn && ends.length > 1) ? ['ended twice'] : []),
    ...(ends.at(-1) === state ? [] : ['its last end is not what it is']),
    ...(state === 'completed' || (isGoneOn && state === 'cancelled') ? [] : ['did not complete']),
  ];
}

/** What did not come to its end has done nothing twice either. */
function faultsOfPart({ context }: WorkflowRun): string[] {
  const words = (context?.['words'] ?? []) as string[];
  return new Set(words).size === words.length ? [] : [`wrote ${JSON.stringify(words)}`];
}

/** The decision is one that was sent; and the only one of which its sender was told that it was taken. */
function isOneOf(sent: readonly Decided[], decision: unknown): boolean {
  const { comment } = (decision ?? {}) as { comment?: string };
  const taken = sent.filter(({ isTaken }) => isTaken);
  return sent.some((each) => each.comment === comment) && taken.every((each) => each.comment === comment);
}
