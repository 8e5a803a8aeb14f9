import { isUuid } from '../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../kernel/page.ts';
import { assertExpected, type Expected } from '../../kernel/precondition.ts';
import type { Tx } from '../../platform/db/index.ts';
import { type AnyOperation, type Context, operation } from '../../platform/operation.ts';
import type { DataKeys } from '../vault/index.ts';
import { openContent } from './content.ts';
import { captureErrors } from './errors.ts';
import type { Capture, CapturedContent, CapturePolicy, StandingPolicy } from './model.ts';
import { redactorOf } from './redaction.ts';
import * as store from './store.ts';
import { findPolicy, lockPolicy, putPolicy } from './store-policies.ts';

export type CaptureServices = {
  dataKeys: Pick<DataKeys, 'open'>;
  policyChanged(tx: Tx): void;
};

export type OpenedCapture = { capture: Capture; content: CapturedContent };
type PolicyChange = { before: StandingPolicy; after: StandingPolicy };

const getCapturePolicy = operation({
  name: 'captures.policy.get',
  summary: 'See whether calls to models are captured, and how long captures are kept.',
  // Whoever is captured may know of it.
  scope: 'organizations:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  run: (context, _input: undefined): Promise<StandingPolicy> => findPolicy(context.tx, orgOf(context)),
});

const setCapturePolicy = ({ policyChanged }: CaptureServices) =>
  operation({
    name: 'captures.policy.set',
    summary: 'Say which calls to models are captured, what is taken out of them, and how long captures are kept.',
    scope: 'captures:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'capture_policy.changed',
      target: ({ orgId }: { orgId: string; expected: Expected; policy: CapturePolicy }) => ({
        type: 'organization',
        id: orgId,
      }),
      detail: (_input, { before, after }: PolicyChange) => ({ before: describe(before), after: describe(after) }),
    },
    async run(context, { expected, policy }): Promise<PolicyChange> {
      for (const [at, pattern] of policy.patterns.entries()) redactorOf(pattern, `patterns[${at}].pattern`);
      const orgId = orgOf(context);
      const before = await lockPolicy(context.tx, orgId);
      assertExpected(expected, before.version);
      const after = await putPolicy(context.tx, orgId, context.by.id, policy);
      policyChanged(context.tx);
      return { before, after };
    },
  });

const listCaptures = operation({
  name: 'captures.capture.list',
  summary: 'List captured calls to models, without what was said.',
  scope: 'captures:read',
  effect: 'read',
  rate: 'control',
  audit: null,
  async run(
    context,
    input: { filter: store.CaptureFilter; limit: number; cursor: string | null },
  ): Promise<Page<Capture>> {
    const { filter, limit, cursor } = input;
    const [at = '', id = ''] = cursor === null ? [] : decodeCursor(cursor, [isMoment, isUuid]);
    const after = cursor === null ? null : { at: new Date(at), id };
    const found = await store.listCaptures(context.tx, { orgId: orgOf(context), filter, after, limit: limit + 1 });
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const nextCursor = found.length > limit && last ? encodeCursor([last.at.toISOString(), last.id]) : null;
    return { items, nextCursor };
  },
});

const getCapture = ({ dataKeys }: CaptureServices) =>
  operation({
    name: 'captures.capture.read',
    summary: 'Read what one call asked of a model and what was answered. Each reading is audited.',
    scope: 'captures:read',
    effect: 'read',
    rate: 'control',
    // Who reads what others said leaves a trace.
    transaction: 'tenant',
    audit: {
      action: 'capture.read',
      target: ({ id }: { id: string }) => targetOf(id),
      detail: (_input, { capture }: OpenedCapture) => ({ principal: capture.principal, model: capture.model }),
    },
    async run(context, { id }): Promise<OpenedCapture> {
      const orgId = orgOf(context);
      const found = isUuid(id) ? await store.findCapture(context.tx, orgId, id) : null;
      if (!found) throw notFound();
      return { capture: found.capture, content: await openContent(dataKeys, { orgId, id }, found.sealed) };
    },
  });

const deleteCapture = operation({
  name: 'captures.capture.delete',
  summary: 'Delete one capture.',
  scope: 'captures:write',
  effect: 'wind_down',
  rate: 'control',
  audit: { action: 'capture.deleted', target: ({ id }: { id: string }) => targetOf(id) },
  async run(context, { id }): Promise<Capture> {
    const deleted = isUuid(id) ? await store.deleteCapture(context.tx, orgOf(context), id) : null;
    if (!deleted) throw notFound();
    return deleted;
  },
});

const deleteCaptures = operation({
  name: 'captures.capture.delete_all',
  summary: 'Delete all captures, or those from before a moment.',
  scope: 'captures:write',
  effect: 'wind_down',
  rate: 'control',
  audit: {
    action: 'captures.deleted',
    target: ({ orgId }: { orgId: string; before: Date | null }) => ({ type: 'organization', id: orgId }),
    detail: ({ before }, { deleted }: { deleted: number }) => ({ before: before?.toISOString() ?? null, deleted }),
  },
  async run(context, { before }): Promise<{ deleted: number }> {
    let deleted = 0;
    for (;;) {
      const batch = await store.deleteSome(context.tx, orgOf(context), before);
      deleted += batch;
      if (batch === 0) return { deleted };
    }
  },
});

export const captureOperations = (services: CaptureServices) =>
  ({
    getCapturePolicy,
    setCapturePolicy: setCapturePolicy(services),
    listCaptures,
    getCapture: getCapture(services),
    deleteCapture,
    deleteCaptures,
  }) satisfies Record<string, AnyOperation>;

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);

const isMoment = (text: string): boolean => /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) && !Number.isNaN(Date.parse(text));

const targetOf = (id: string) => ({ type: 'capture', id });

const notFound = (): Error => captureErrors.not_found('There is no capture with this id.');

/** Patterns by their names only: what an organization hides says something about what it has. */
const describe = (policy: StandingPolicy): Record<string, unknown> => ({
  is_on: policy.isOn,
  retention_days: policy.retentionDays,
  redactors: policy.redactors,
  patterns: policy.patterns.map(({ name }) => name),
  api_key_ids: policy.apiKeyIds,
  team_ids: policy.teamIds,
});
