/* What the bench uses of its peer, as in `../authz/peers.d.ts`. */

declare module 'bullmq' {
  type Options = { connection: { path: string; maxRetriesPerRequest: null } };

  export class Queue {
    constructor(name: string, options: Options);
    add(name: string, data: object, options: { removeOnComplete: boolean }): Promise<unknown>;
    on(event: 'error', listener: (error: Error) => void): this;
    close(): Promise<void>;
  }

  export class Worker {
    constructor(
      name: string,
      run: (job: { name: string }) => Promise<void>,
      options: Options & { concurrency: number },
    );
    on(event: 'error', listener: (error: Error) => void): this;
    waitUntilReady(): Promise<unknown>;
    close(): Promise<void>;
  }
}
