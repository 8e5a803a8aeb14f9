import { needOf } from '../definitions/program-faults.ts';
import { nodeErrors } from '../errors.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import type { Result } from './model.ts';

/* What nodes need of the installation that comes and goes: runners with languages and programs. */

/** How long an attempt waits before it looks again; doubled each time. */
const FIRST_LOOK_MS = 1_000;
const LAST_LOOK_MS = 30_000;

type Looking = { needs_since: string; looks: number };
const isLooking = (resume: JsonObject | null): resume is Looking => resume !== null && 'needs_since' in resume;

/** What an attempt goes on from, apart from what it has waited for. */
export const resumeOf = (resume: JsonObject | null): JsonObject | null => (isLooking(resume) ? null : resume);

/**
 * An attempt whose node needs what nobody has now waits, holding no worker, until somebody has it; null when it can begin,
 * or has begun already.
 * @throws AppError `unavailable` when it has waited as long as an attempt may take
 */
export function waitForNeeds(
  node: NodeDefinition,
  resume: JsonObject | null,
  { capabilities, now }: { capabilities: ReadonlySet<string>; now: Date },
): Result | null {
  if (resume !== null && !isLooking(resume)) return null;
  const implied = needOf(node)?.capability;
  const needs = [...new Set([...node.requires, ...(implied === undefined ? [] : [implied])])];
  const missing = needs.filter((need) => !capabilities.has(need));
  if (missing.length === 0) return null;
  const { needs_since, looks } = resume ?? { needs_since: now.toISOString(), looks: 0 };
  const until = new Date(needs_since).getTime() + node.policy.timeoutMs;
  const named = missing.map((need) => `"${need}"`).join(', ');
  if (now.getTime() >= until)
    throw nodeErrors.missing_capability(
      `Nobody here could do ${named} within ${node.policy.timeoutMs} ms. Start a runner that can, and retry the run.`,
    );
  const at = Math.min(until, now.getTime() + Math.min(LAST_LOOK_MS, FIRST_LOOK_MS * 2 ** looks));
  const message = `Nobody here can do ${named} now. The node goes on when a runner comes that can.`;
  return {
    kind: 'waiting',
    at: new Date(at),
    resume: { needs_since, looks: looks + 1 },
    tells: looks === 0 ? { needs: missing } : null,
    why: { code: 'workflow_node.missing_capability', message },
  };
}
