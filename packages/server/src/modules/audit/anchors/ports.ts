/** A checkpoint as it goes to a second place. */
export type AnchoredCheckpoint = { orgId: string; origin: string; size: number; note: string };

export type Destination = 'file' | 's3' | 'webhook';

/** A second place that checkpoints are written to: out of reach of whoever owns the database, if it is to be of use. */
export type AnchorPlace = {
  destination: Destination;
  /** Must have written it for good when it resolves. Writing the same one twice does no harm. */
  write(checkpoint: AnchoredCheckpoint, signal: AbortSignal): Promise<void>;
};
