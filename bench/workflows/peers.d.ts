/* What the bench uses of its peers, as in `../authz/peers.d.ts`. */

declare module '@dbos-inc/dbos-sdk' {
  type Named = { name: string };
  export const DBOS: {
    runStep<Result>(step: () => Promise<Result>, named: Named): Promise<Result>;
    registerWorkflow<Input>(work: (input: Input) => Promise<void>, named: Named): (input: Input) => Promise<void>;
    setConfig(config: Record<string, unknown>): void;
    launch(): Promise<void>;
  };
}

declare module '@restatedev/restate-sdk' {
  import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
  export type Context = { run<Result>(name: string, step: () => Result): Promise<Result> };
  type Handler = (context: Context, input: number) => Promise<void>;
  type Service = { readonly name: string };
  export const service: (of: { name: string; handlers: Record<string, Handler> }) => Service;
  export const createEndpointHandler: (of: {
    services: readonly Service[];
  }) => (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  export const RestatePromise: { all<Result>(all: readonly Promise<Result>[]): Promise<Result[]> };
}
