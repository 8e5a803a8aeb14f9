import { isUuid } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import type { Tx } from '../../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import type { Contexts } from '../context/contexts.ts';
import { type Graph, WHOLE } from '../engine/model.ts';
import { RunProgress } from '../engine/run-progress.ts';
import { type EndWork, endWorkOfStopped } from '../engine/stopped-work.ts';
import { lockForProgress } from '../engine/store.ts';
import { loadRun, writeWithContexts } from '../engine/with-contexts.ts';
import { nodeErrors, runErrors } from '../errors.ts';
import { isTerminal, type JsonObject, type NodeDefinition } from '../model.ts';
import type { RunNode, WorkflowRun } from '../runs/model.ts';
import type { RunServices } from '../runs/operations.ts';
import { findNode, findRun } from '../runs/store.ts';
import { type Ask, type Decider, type Decision, humanConfig, isAsked, resultOf } from './model.ts';
import { findAsk, listAsks, type WaitingAsk } from './store.ts';

export type ApprovalServices = Pick<
  RunServices,
  'graphs' | 'contexts' | 'expressions' | 'endWork' | 'ready' | 'ended'
> & {
  /** The ids of the teams that somebody is in. */
  teamsOf(tx: Tx, orgId: string, userId: string): Promise<readonly string[]>;
};

export type CompleteRequest = {
  id: string;
  key: string;
  decision: Decision['decision'];
  values: JsonObject;
  comment: string;
};
/** A decision that waits, with what the definition says of it. */
export type Approval = WaitingAsk & { title: string; instructions: string; form: JsonObject | null };

export const approvalOperations = (services: ApprovalServices) =>
  ({
    completeNode: completeNode(services),
    listApprovals: listApprovals(services),
    getApproval: getApproval(services),
  }) satisfies Record<string, AnyOperation>;

const completeNode = (services: ApprovalServices) =>
  operation({
    name: 'workflows.node.complete',
    summary: 'Decide what a human node of a run waits for.',
    scope: 'workflows:write',
    narrows: true,
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'workflow_node.completed',
      target: ({ id }: CompleteRequest) => ({ type: 'workflow_run', id }),
      detail: ({ key, decision }) => ({ node: key, decision }),
    },
    async run(context, { id, key, ...said }): Promise<RunNode> {
      const orgId = orgOf(context);
      const { run, ask, isTheirs } = await requireAsk(context, services, { id, key });
      if (!isTheirs)
        throw nodeErrors.not_assigned(
          'This is not yours to decide. The node names who may, or that the maker may not.',
        );
      const graph = await services.graphs.of(orgId, run.definition.id);
      const node = requireHuman(graph, key);
      await assertFits(services, node, said);
      const by = context.by.userId ?? context.by.id;
      const progress = await decided(context, { ...services, graph, run, key, ask }, { ...said, by, at: new Date() });
      context.tx.onCommit(isTerminal(progress.state) ? () => services.ended(id) : services.ready);
      return (await findNode(context.tx, { orgId, runId: id, key })) ?? notFound();
    },
  });

const listApprovals = (services: ApprovalServices) =>
  operation({
    name: 'workflows.approval.list',
    summary: 'List what waits for your decision, longest first.',
    scope: 'workflows:read',
    narrows: true,
    effect: 'read',
    rate: 'control',
    audit: null,
    async run(context, { limit, cursor }: { limit: number; cursor: string | null }): Promise<Page<Approval>> {
      const orgId = orgOf(context);
      const [askedAt, runId, key] = cursor === null ? [] : decodeCursor(cursor, [isTime, isUuid, () => true]);
      const found = await listAsks(context.tx, {
        orgId,
        decider: await deciderOf(context, services),
        madeBy: context.ownOnly ? context.by.id : null,
        after: askedAt && runId && key ? { askedAt, runId, key } : null,
        limit: limit + 1,
      });
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return {
        items: await Promise.all(items.map((waiting) => described(services, orgId, waiting))),
        nextCursor: found.length > limit && last ? encodeCursor([last.ask.askedAt, last.runId, last.key]) : null,
      };
    },
  });

const getApproval = (services: ApprovalServices) =>
  operation({
    name: 'workflows.approval.get',
    summary: 'Get what a human node of a run waits for.',
    scope: 'workflows:read',
    narrows: true,
    effect: 'read',
    rate: 'control',
    audit: null,
    async run(context, { id, key }: { id: string; key: string }): Promise<Approval> {
      const { run, ask } = await requireAsk(context, services, { id, key });
      const waiting = { runId: run.id, key, definition: run.definition, maker: run.createdBy, ask };
      return described(services, orgOf(context), waiting);
    },
  });

async function described({ graphs }: ApprovalServices, orgId: string, waiting: WaitingAsk): Promise<Approval> {
  const graph = await graphs.of(orgId, waiting.definition.id);
  const { title, instructions, form = null } = humanConfig(requireHuman(graph, waiting.key));
  return { ...waiting, title, instructions, form };
}

/** What a node asks, and whether the caller may answer. Whoever is asked reaches the node, whoever made the run. */
async function requireAsk(
  context: Context,
  services: ApprovalServices,
  { id, key }: Pick<CompleteRequest, 'id' | 'key'>,
): Promise<{ run: WorkflowRun; ask: Ask; isTheirs: boolean }> {
  const orgId = orgOf(context);
  const run = isUuid(id) ? await findRun(context.tx, orgId, id) : null;
  if (!run) throw runErrors.not_found('There is no workflow run with this id.');
  const ask = await findAsk(context.tx, { orgId, runId: id, key });
  const isTheirs = ask !== null && isAsked(ask, await deciderOf(context, services));
  const reaches = !context.ownOnly || run.createdBy.id === context.by.id || (isTheirs && ask.assignee !== null);
  if (!reaches) throw runErrors.not_found('There is no workflow run with this id.');
  requireHuman(await services.graphs.of(orgId, run.definition.id), key);
  if (ask === null) throw await notWaiting(context.tx, run, key);
  return { run, ask, isTheirs };
}

async function notWaiting(tx: Tx, { orgId, id, state }: WorkflowRun, key: string): Promise<Error> {
  const node = await findNode(tx, { orgId, runId: id, key });
  if (node?.state === 'completed' || node?.state === 'failed')
    return nodeErrors.already_decided('This was decided already, or its deadline has passed.');
  if (isTerminal(state)) return runErrors.ended(`The run has ended: it is ${state}.`);
  return nodeErrors.not_waiting(`"${key}" does not wait for anybody: it is ${node?.state}.`);
}

/** Takes the decision under the lock of the run: of two at once, one is too late. */
async function decided(
  { tx }: Context,
  {
    graph,
    run: { orgId, id },
    key,
    ask,
    endWork,
    contexts,
  }: { graph: Graph; run: WorkflowRun; key: string; ask: Ask; endWork: EndWork; contexts: Contexts },
  decision: Decision,
): Promise<RunProgress> {
  const [locked] = await lockForProgress(tx, [{ orgId, id, nodes: 'all' }]);
  if (!locked) throw runErrors.not_found('There is no workflow run with this id.');
  if (ask.deadlineAt !== null && Date.parse(ask.deadlineAt) <= decision.at.getTime())
    throw nodeErrors.past_deadline(`This had to be decided before ${ask.deadlineAt}.`);
  const loaded = await loadRun(tx, locked, contexts);
  const progress = new RunProgress({ graph, ...locked, run: loaded, now: decision.at });
  const node = graph.nodes.get(key) ?? notFound();
  if (!progress.answer({ key, item: WHOLE }, resultOf(humanConfig(node), decision)))
    throw nodeErrors.already_decided('This was decided already, or its deadline has passed.');
  await endWorkOfStopped(tx, [progress], { endWork });
  await writeWithContexts(tx, [{ locked, progress }], contexts);
  return progress;
}

function requireHuman(graph: Graph, key: string): NodeDefinition {
  const node = graph.nodes.get(key) ?? notFound();
  if (node.runtime !== 'native' || node.operation !== 'human')
    throw nodeErrors.not_human(`"${key}" is a ${node.runtime} node (${node.operation}): nobody decides it.`);
  return node;
}

/** A rejection may leave the form empty. */
async function assertFits(
  { expressions }: ApprovalServices,
  node: NodeDefinition,
  { decision, values }: Pick<CompleteRequest, 'decision' | 'values'>,
): Promise<void> {
  const { form } = humanConfig(node);
  if (form === undefined || (decision === 'reject' && Object.keys(values).length === 0)) return;
  const faults = await expressions.misfits(form, values, 'values');
  if (faults.length > 0) throw nodeErrors.does_not_fit('The values do not fit the form.', { faults });
}

async function deciderOf({ tx, by }: Pick<Context, 'tx' | 'by'>, services: ApprovalServices): Promise<Decider> {
  const { userId, role } = by;
  return { userId, role, teams: userId === null ? [] : await services.teamsOf(tx, String(by.orgId), userId) };
}

const isTime = (text: string): boolean => !Number.isNaN(Date.parse(text));
const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const notFound = (): never => {
  throw nodeErrors.not_found('The run has no node of this key.');
};
