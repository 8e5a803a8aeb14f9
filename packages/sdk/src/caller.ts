import type { Route } from '@assay/contract';
import type { AnswerOf, CallOf } from './contract-route.ts';
import type { CallOptions, Transport, WireRequest } from './transport.ts';

/** Calls routes of the contract: what goes in and what comes out has the types that the contract declares. */
export class Caller {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** Calls a route and gives its answer. */
  async call<R extends Route>(
    call: CallOf<R> & Pick<WireRequest, 'accepted' | 'heldMs' | 'headers'>,
    options?: CallOptions,
  ) {
    return (await this.transport.json(call as WireRequest, options)) as AnswerOf<R>;
  }
  /** Calls a route, and gives its answer with the version that it is of. */
  async callTagged<R extends Route>(call: CallOf<R>, options?: CallOptions) {
    const { answer, etag } = await this.transport.tagged(call as WireRequest, options);
    return { answer: answer as AnswerOf<R>, etag };
  }
}
