import { readdirSync, readFileSync } from 'node:fs';

/** All processes below this one. What it reaps for its descendants is below it as well. */
export function descendantsOf(root: number): number[] {
  const found: number[] = [];
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    const children = childrenOf(pid);
    found.push(...children);
    waiting.push(...children);
  }
  return found;
}

/** A child is listed under the thread that made it. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}
