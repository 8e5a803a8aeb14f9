import type { controlRoutes, Job, JobUsage, StreamEvent } from '@assay/contract';
import type { Caller } from './caller.ts';
import type { AnswerOf, BodyOf } from './contract-route.ts';
import type { FollowOptions } from './event-stream.ts';
import { followToEnd, untilEnd, type WaitOptions } from './followed-work.ts';
import { Listing } from './listing.ts';
import { type PageQuery, paged } from './paged.ts';
import type { CallOptions } from './transport.ts';

type Routes = typeof controlRoutes;

export type NewJob = BodyOf<Routes['createJob']>;
export type DeadLetterReplay = BodyOf<Routes['replayDeadJobs']>;
export type ReplayedJobs = AnswerOf<Routes['replayDeadJobs']>['data'];
export type JobPage = { jobs: Job[]; next_cursor: string | null };

/** Models asked in the background, whatever becomes of the caller. */
export class Jobs {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Submits a job; it says what it will probably cost. */
  async create(job: NewJob, options?: CallOptions): Promise<Job> {
    const call = { method: 'POST', path: '/v1/jobs', body: job } as const;
    return (await this.#caller.call<Routes['createJob']>(call, options)).data.job;
  }

  /** The organization's jobs, newest first. */
  list(query: PageQuery & { status?: Job['status'] | undefined } = {}, options?: CallOptions): Listing<JobPage, Job> {
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/jobs', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listJobs']>(call, options);
      },
      (data) => data.jobs,
    );
  }

  /** Jobs that failed for good, newest first. */
  deadLetters(query: PageQuery & { code?: string | undefined } = {}, options?: CallOptions): Listing<JobPage, Job> {
    return paged(
      (cursor = query.cursor) => {
        const call = { method: 'GET', path: '/v1/jobs/dead-letters', query: { ...query, cursor } } as const;
        return this.#caller.call<Routes['listDeadJobs']>(call, options);
      },
      (data) => data.jobs,
    );
  }

  /** Has jobs done again that failed for good: a page of them at once, or all when it is read to its end. */
  replayDeadLetters(query: DeadLetterReplay = {}, options?: CallOptions): Listing<ReplayedJobs, string> {
    return new Listing<ReplayedJobs, string>({
      fetch: async (cursor = query.cursor) => {
        const body = { ...query, cursor };
        const call = { method: 'POST', path: '/v1/jobs/dead-letters/replay', body } as const;
        return (await this.#caller.call<Routes['replayDeadJobs']>(call, options)).data;
      },
      items: (page) => page.job_ids,
      next: (page) => page.next_cursor,
    });
  }

  async get(id: string, options?: CallOptions): Promise<Job> {
    const call = { method: 'GET', path: '/v1/jobs/{id}', params: { id } } as const;
    return (await this.#caller.call<Routes['getJob']>(call, options)).data.job;
  }

  /** What everything that a job caused came to. */
  async usage(id: string, options?: CallOptions): Promise<JobUsage> {
    const call = { method: 'GET', path: '/v1/jobs/{id}/usage', params: { id } } as const;
    return (await this.#caller.call<Routes['getJobUsage']>(call, options)).data.usage;
  }

  /** What happened to a job, then what happens, to its end. */
  follow(id: string, options: FollowOptions = {}): AsyncGenerator<StreamEvent, void, undefined> {
    return followToEnd({
      transport: this.#caller.transport,
      request: { method: 'GET', path: '/v1/jobs/{id}/events', params: { id } },
      ends: ENDS,
      endedAt: async () => (await this.get(id, { signal: options.signal })).completed_at,
      options,
    });
  }

  /**
   * Waits until a job has ended, however it ends, and gives it as it is then: look at its `status`.
   * @throws TimeoutError when it takes longer than `within`; it goes on
   */
  async waitForEnd(id: string, options: WaitOptions = {}): Promise<Job> {
    await untilEnd(`Job ${id}`, (following) => this.follow(id, following), options);
    return this.get(id, { signal: options.signal });
  }

  /** Submits a job, and waits until it has ended, however it ends. */
  async createAndWait(job: NewJob, options: CallOptions & WaitOptions = {}): Promise<Job> {
    const { job_id } = await this.create(job, options);
    return this.waitForEnd(job_id, options);
  }

  async cancel(id: string, options?: CallOptions): Promise<Job> {
    const call = { method: 'POST', path: '/v1/jobs/{id}/cancel', params: { id } } as const;
    return (await this.#caller.call<Routes['cancelJob']>(call, options)).data.job;
  }

  /** Has a job done again that failed or was cancelled. */
  async retry(id: string, options?: CallOptions): Promise<Job> {
    const call = { method: 'POST', path: '/v1/jobs/{id}/retry', params: { id } } as const;
    return (await this.#caller.call<Routes['retryJob']>(call, options)).data.job;
  }
}

const ENDS: ReadonlySet<string> = new Set(['job.completed', 'job.failed', 'job.cancelled']);
