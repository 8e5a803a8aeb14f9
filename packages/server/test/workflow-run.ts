import { newId } from '../src/kernel/ids.ts';
import { insertDefinition } from '../src/modules/workflows/definitions/store.ts';
import type { JsonObject, NodeDefinition } from '../src/modules/workflows/model.ts';
import { newProgress } from '../src/modules/workflows/runs/new-progress.ts';
import { insertRunWithNodes } from '../src/modules/workflows/runs/store.ts';
import type { TestDatabase } from './database.ts';

/** A run of a workflow of these nodes. */
export async function aWorkflowRun(
  db: TestDatabase,
  nodes: readonly NodeDefinition[],
  { input = {}, deadlineSeconds = null }: { input?: JsonObject; deadlineSeconds?: number | null } = {},
): Promise<{ orgId: string; id: string }> {
  const orgId = await db.organization();
  const by = { kind: 'user', id: newId(), limitedTo: null };
  const id = newId();
  await db.app.transaction({ orgId }, async (tx) => {
    const content = {
      name: 'test',
      description: '',
      nodes,
      inputSchema: null,
      timeoutMs: null,
      budget: null,
      concurrency: [],
    };
    const definition = await insertDefinition(tx, { ...content, orgId, id: newId(), createdBy: by.id });
    const graph = {
      definitionId: definition.id,
      name: 'test',
      isLimited: false,
      nodes: new Map(nodes.map((each) => [each.key, each])),
      dependents: new Map(),
    };
    const progress = newProgress(graph, { orgId, id, priority: 0, input });
    progress.start();
    insertRunWithNodes(tx, {
      progress,
      nodes,
      definitionId: definition.id,
      priority: 0,
      input,
      createdBy: by,
      requestId: 'test',
      scheduleId: null,
      deadlineSeconds,
    });
  });
  return { orgId, id };
}
