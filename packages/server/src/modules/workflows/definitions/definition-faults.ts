import type { FieldFault } from '../../../kernel/errors.ts';
import type { AddressRules } from '../../../platform/http-client/index.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { Program } from '../expressions/model.ts';
import { graphFaults } from '../graph/graph-faults.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import type { DefinitionContent } from './model.ts';
import { argumentFaults, needOf } from './program-faults.ts';
import { templateFaults } from './template-faults.ts';

export type FaultsOptions = {
  expressions: Expressions;
  /** What nodes can ask for in `requires`. */
  capabilities(): ReadonlySet<string>;
  /** Which addresses nodes may call. */
  rules: AddressRules;
};

/** Finds every fault of a definition, each with the path of its field as the caller wrote it. */
export async function definitionFaults(
  { nodes, inputSchema, concurrency }: DefinitionContent,
  { expressions, capabilities, rules }: FaultsOptions,
): Promise<FieldFault[]> {
  const programs = [
    ...programsOf(nodes),
    ...(inputSchema === null ? [] : [schemaAt('input_schema', inputSchema)]),
    ...concurrency.flatMap(({ key }, index) =>
      key === null
        ? []
        : [{ field: `concurrency.${index}.key`, program: { language: 'cel_key', source: key } } as const],
    ),
  ];
  return [
    ...graphFaults(nodes),
    ...branchFaults(nodes),
    ...nodes.flatMap(itemFaults),
    ...nodes.flatMap((node, index) => templateFaults(node, index, rules)),
    ...capabilityFaults(nodes, capabilities()),
    ...(await Promise.all(nodes.map((node, index) => argumentFaults(node, index, expressions)))).flat(),
    ...(await programFaults(programs, expressions)),
  ];
}

/** Ways are taken once, and people asked once. */
const ONCE: ReadonlySet<string> = new Set(['branch', 'human']);

/** Items are there in a node that runs for each of a list only. */
function itemFaults({ operation, inputs, forEach }: NodeDefinition, index: number): FieldFault[] {
  if (forEach) {
    const message = `A node \`${operation}\` is for once, not for each of a list.`;
    return ONCE.has(operation) ? [{ field: `nodes.${index}.operation`, constraint: 'once', message }] : [];
  }
  return inputs
    .filter(({ source }) => source.kind === 'item' || source.kind === 'index')
    .map(({ name }) => ({
      field: `nodes.${index}.inputs.${name}`,
      constraint: 'for_each',
      message: 'There is no item: the node does not run `for_each` of a list.',
    }));
}

type BranchConfig = { cases: { when: string; to: string[] }[]; otherwise: string[] };
type Placed = { field: string; program: Program };

/** A branch can only go to what waits for it. */
function branchFaults(nodes: readonly NodeDefinition[]): FieldFault[] {
  return nodes.flatMap((branch, index) => {
    if (branch.operation !== 'branch') return [];
    const { cases, otherwise } = branch.config as BranchConfig;
    const waiting = new Set(nodes.filter(({ dependsOn }) => dependsOn.includes(branch.key)).map(({ key }) => key));
    const targets = [
      ...cases.flatMap(({ to }, at) => to.map((key, place) => ({ key, field: `cases.${at}.to.${place}` }))),
      ...otherwise.map((key, place) => ({ key, field: `otherwise.${place}` })),
    ];
    return targets
      .filter(({ key }) => !waiting.has(key))
      .map(({ key, field }) => ({
        field: `nodes.${index}.config.${field}`,
        constraint: 'dependent',
        message: `"${key}" does not wait for "${branch.key}": name the branch in its depends_on.`,
      }));
  });
}

function capabilityFaults(nodes: readonly NodeDefinition[], capabilities: ReadonlySet<string>): FieldFault[] {
  return nodes.flatMap((node, index) => {
    const need = needOf(node);
    const named = node.requires.map((capability, place) => ({ capability, field: `requires.${place}` }));
    return [...named, ...(need === null ? [] : [need])]
      .filter(({ capability }) => !capabilities.has(capability))
      .map(({ capability, field }) => ({
        field: `nodes.${index}.${field}`,
        constraint: 'capability',
        message: `Nobody here can do "${capability}". There is: ${[...capabilities].sort().join(', ')}.`,
      }));
  });
}

const schemaAt = (field: string, schema: JsonObject): Placed => ({
  field,
  program: { language: 'json_schema', schema },
});

const schemaIn = (config: JsonObject, at: string, name: string): Placed[] =>
  config[name] === undefined ? [] : [schemaAt(`${at}.${name}`, config[name] as JsonObject)];

function programsOf(nodes: readonly NodeDefinition[]): Placed[] {
  return nodes.flatMap(({ operation, config, when, forEach }, index) => {
    const at = `nodes.${index}`;
    const configAt = forEach?.writtenAs === 'fan_out' ? `${at}.config.each.config` : `${at}.config`;
    const cel = (field: string, source: string): Placed => ({
      field: `${at}.${field}`,
      program: { language: 'cel', source },
    });
    const condition = when === null ? [] : [cel('when', when)];
    switch (operation) {
      case 'transform':
        return [
          ...condition,
          { field: `${configAt}.expression`, program: { language: 'jsonata', source: String(config['expression']) } },
        ];
      case 'validate':
        return [...condition, schemaAt(`${configAt}.schema`, config['schema'] as JsonObject)];
      case 'human':
        return [...condition, ...schemaIn(config, configAt, 'form')];
      case 'chat':
        return [...condition, ...schemaIn(config, configAt, 'schema')];
      case 'branch':
        return [
          ...condition,
          ...(config as BranchConfig).cases.map((each, place) => cel(`config.cases.${place}.when`, each.when)),
        ];
      default:
        return condition;
    }
  });
}

async function programFaults(programs: readonly Placed[], expressions: Expressions): Promise<FieldFault[]> {
  const faults = await Promise.all(
    programs.map(async ({ field, program }) => {
      const message = await expressions.faultOf(program);
      return message === null ? [] : [{ field, constraint: program.language, message }];
    }),
  );
  return faults.flat();
}
