import type { controlRoutes } from '@assay/contract';
import { ApiKeys } from './api-keys.ts';
import { Approvals } from './approvals.ts';
import { Assets } from './assets.ts';
import { Caller } from './caller.ts';
import type { AnswerOf } from './contract-route.ts';
import { Evaluations } from './evaluations.ts';
import { Events } from './events.ts';
import { Jobs } from './jobs.ts';
import { OAuth } from './oauth.ts';
import { Platform } from './platform.ts';
import { Schedules } from './schedules.ts';
import { Secrets } from './secrets.ts';
import { type AssayOptions, type CallOptions, Transport, type WireRequest } from './transport.ts';
import { Webhooks } from './webhooks.ts';
import { WorkflowRuns, Workflows } from './workflows.ts';

type Me = (typeof controlRoutes)['me'];

/** Who a credential belongs to, and what it may do. */
export type Principal = AnswerOf<Me>['data']['principal'];

/**
 * A client of an Assay server.
 *
 * @example
 * const assay = new Assay({ apiKey: 'sk_…', baseUrl: 'https://assay.example.com' });
 * const { eval_id } = await assay.evaluations.submit({ code: "print('hi')" });
 * const { output } = await assay.evaluations.waitForEnd(eval_id);
 */
export class Assay {
  /** Runs of untrusted code. */
  readonly evaluations: Evaluations;
  /** Keys of the organization. */
  readonly apiKeys: ApiKeys;
  /** Secrets of the organization, and the keys that they are sealed with. */
  readonly secrets: Secrets;
  /** What happens in the organization, as it happens. */
  readonly events: Events;
  /** The same, posted to addresses of the organization's own. */
  readonly webhooks: Webhooks;
  /** Graphs of nodes, in versions. */
  readonly workflows: Workflows;
  /** Runs of workflows. */
  readonly runs: WorkflowRuns;
  /** What runs ask of people. */
  readonly approvals: Approvals;
  /** Runs of workflows by the clock. */
  readonly schedules: Schedules;
  /** Models asked in the background. */
  readonly jobs: Jobs;
  /** Files of the organization. */
  readonly assets: Assets;
  /** Signing in for a person: devices, tokens. */
  readonly oauth: OAuth;
  /** The server itself. */
  readonly platform: Platform;
  readonly #caller: Caller;

  /** @throws AssayError for a key or an address that cannot be one */
  constructor(options: AssayOptions = {}) {
    this.#caller = new Caller(new Transport(options));
    this.evaluations = new Evaluations(this.#caller);
    this.apiKeys = new ApiKeys(this.#caller);
    this.secrets = new Secrets(this.#caller);
    this.events = new Events(this.#caller);
    this.webhooks = new Webhooks(this.#caller);
    this.workflows = new Workflows(this.#caller);
    this.runs = new WorkflowRuns(this.#caller);
    this.approvals = new Approvals(this.#caller);
    this.schedules = new Schedules(this.#caller);
    this.jobs = new Jobs(this.#caller);
    this.assets = new Assets(this.#caller);
    this.oauth = new OAuth(this.#caller);
    this.platform = new Platform(this.#caller);
  }

  /** Where the server is. */
  get baseUrl(): string {
    return this.#caller.transport.baseUrl;
  }

  /** Who the credential belongs to, and what it may do. */
  async me(options?: CallOptions): Promise<Principal> {
    return (await this.#caller.call<Me>({ method: 'GET', path: '/v1/me' }, options)).data.principal;
  }

  /**
   * Sends any request, with the credential, the retries and the errors of this client; for routes it has no method for.
   * The answer comes with its body unread.
   */
  request(request: WireRequest, options?: CallOptions): Promise<Response> {
    return this.#caller.transport.open(request, options);
  }
}
