/**
 * Captures keep what was asked of models and answered, where an organization says so; without a policy nothing is kept.
 * Tables: capture_policies, captures.
 * Invariants: content is redacted before it is sealed and sealed before it is stored, under a data key of its
 * organization for this purpose alone; it is in no log, trace or metric; who reads it leaves a leaf in the audit log; what
 * could not be kept is counted, and told of there as well.
 */
export { captureResealer, deleteExpiredCaptures } from './jobs.ts';
export {
  type Capture,
  type CapturePolicy,
  covers,
  type StandingPolicy,
} from './model.ts';
export { captureOperations } from './operations.ts';
export { PolicyBook } from './policy-book.ts';
export { Recorder } from './recorder.ts';
