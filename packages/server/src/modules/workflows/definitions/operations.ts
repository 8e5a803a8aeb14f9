import type { FieldFault } from '../../../kernel/errors.ts';
import { isUuid, newId } from '../../../kernel/ids.ts';
import { decodeCursor, encodeCursor, type Page } from '../../../kernel/page.ts';
import { type AnyOperation, type Context, operation } from '../../../platform/operation.ts';
import { givePlaces } from '../engine/store-places.ts';
import { definitionErrors } from '../errors.ts';
import { definitionFaults, type FaultsOptions } from './definition-faults.ts';
import type { Definition, DefinitionContent } from './model.ts';
import * as store from './store.ts';
import { secretsIn } from './template-faults.ts';

const READ = { scope: 'workflows:read', effect: 'read', rate: 'control', audit: null } as const;

export type DefinitionServices = FaultsOptions & {
  /** A signal, raised behind the commit: nodes became ready. */
  ready(): void;
};

export const definitionOperations = (services: DefinitionServices) =>
  ({
    createDefinition: createDefinition(services),
    validateDefinition: validateDefinition(services),
    listDefinitions,
    getDefinition,
    archiveDefinition,
  }) satisfies Record<string, AnyOperation>;

const createDefinition = (services: DefinitionServices) =>
  operation({
    name: 'workflows.definition.create',
    summary: 'Add the next version of a workflow definition.',
    scope: 'workflows:write',
    effect: 'create',
    rate: 'control',
    audit: {
      action: 'workflow_definition.created',
      target: (_input: DefinitionContent, definition: Definition) => targetOf(definition),
      detail: (_input, { name, version, nodes }) => ({ name, version, nodes: nodes.length }),
    },
    async run(context, content): Promise<Definition> {
      const faults = await definitionFaults(content, services);
      if (faults.length > 0)
        throw definitionErrors.invalid('The definition cannot be run. Mend what is listed.', { faults });
      assertMaySend(context, content);
      const of = { orgId: orgOf(context), id: newId(), createdBy: context.by.id };
      const made = await store.insertDefinition(context.tx, { ...content, ...of });
      if (await givePlaces(context.tx, [made])) context.tx.onCommit(services.ready);
      return made;
    },
  });

const validateDefinition = (services: FaultsOptions) =>
  operation({
    name: 'workflows.definition.validate',
    summary: 'Find every fault of a workflow definition, without keeping it.',
    scope: 'workflows:read',
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    run: (_context, content: DefinitionContent): Promise<FieldFault[]> => definitionFaults(content, services),
  });

const listDefinitions = operation({
  ...READ,
  name: 'workflows.definition.list',
  summary: 'List versions of workflow definitions, newest first.',
  async run(context, input: { name: string | null; limit: number; cursor: string | null }): Promise<Page<Definition>> {
    const [after = null] = input.cursor === null ? [] : decodeCursor(input.cursor, [isUuid]);
    const of = { orgId: orgOf(context), name: input.name, after, limit: input.limit + 1 };
    const found = await store.listDefinitions(context.tx, of);
    const items = found.slice(0, input.limit);
    const last = items.at(-1);
    return { items, nextCursor: found.length > input.limit && last ? encodeCursor([last.id]) : null };
  },
});

const getDefinition = operation({
  ...READ,
  name: 'workflows.definition.get',
  summary: 'Get one version of a workflow definition.',
  async run(context, { id }: { id: string }): Promise<Definition> {
    const found = isUuid(id) ? await store.findDefinition(context.tx, orgOf(context), id) : null;
    return found ?? refuse();
  },
});

const archiveDefinition = operation({
  name: 'workflows.definition.archive',
  summary: 'Set a version of a definition aside: no new run is made of it. Runs under way go on.',
  scope: 'workflows:write',
  effect: 'wind_down',
  rate: 'control',
  audit: {
    action: 'workflow_definition.archived',
    target: (_input: { id: string }, definition: Definition) => targetOf(definition),
    detail: (_input, { name, version }) => ({ name, version }),
  },
  async run(context, { id }): Promise<Definition> {
    const archived = isUuid(id) ? await store.archiveDefinition(context.tx, orgOf(context), id) : null;
    return archived ?? refuse();
  },
});

/** Whoever says where requests go could send the vault's content anywhere: only who may replace it may do that. */
function assertMaySend({ by }: Context, { nodes }: DefinitionContent): void {
  const [secret] = secretsIn(nodes);
  if (secret === undefined || by.scopes.has('secrets:write')) return;
  throw definitionErrors.secret_not_yours(
    `To send the secret ${secret} somewhere you need the scope secrets:write. Ask an operator.`,
  );
}

const orgOf = ({ by }: Pick<Context, 'by'>): string => String(by.orgId);
const targetOf = ({ id }: Definition) => ({ type: 'workflow_definition', id });
const refuse = (): never => {
  throw definitionErrors.not_found('There is no workflow definition with this id.');
};
