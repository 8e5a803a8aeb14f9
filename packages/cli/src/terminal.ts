/** Where a stream of text goes. */
export type Sink = {
  write(chunk: string | Uint8Array, done?: (error?: Error | null) => void): boolean;
  readonly isTTY?: boolean;
};

/** What surrounds one run of the command line. */
export type Terminal = {
  stdin: AsyncIterable<Uint8Array | string>;
  stdout: Sink;
  stderr: Sink;
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Aborts when the user ends it. */
  signal: AbortSignal;
};
