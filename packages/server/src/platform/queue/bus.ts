/**
 * Carries short texts between the processes of an installation. What is lost on the way costs a poll: it says only that
 * there may be something new.
 */
export type Bus = AsyncDisposable & {
  /** Connects; from then on it keeps itself connected. */
  start(listener: BusListener): Promise<void>;
  /** Whether texts of other processes arrive right now. */
  readonly connected: boolean;
  /** @throws when it cannot be said that the others will hear it */
  send(text: string): Promise<void>;
};

export type BusListener = {
  /** A text that a process sent, this one too. */
  receive(text: string): void;
  /** The connection is made, or made again: what was sent meanwhile may not have arrived. */
  joined(): void;
};
