import type { FieldFault } from '../../../kernel/errors.ts';
import type { Expressions } from '../expressions/expressions.ts';
import type { Program } from '../expressions/model.ts';
import { graphFaults } from '../graph/graph-faults.ts';
import type { JsonObject, NodeDefinition } from '../model.ts';
import type { DefinitionContent } from './model.ts';

export type FaultsOptions = {
  expressions: Expressions;
  /** What nodes can ask for in `requires`. */
  capabilities: ReadonlySet<string>;
};

/** Finds every fault of a definition, each with the path of its field as the caller wrote it. */
export async function definitionFaults(
  { nodes, inputSchema }: DefinitionContent,
  { expressions, capabilities }: FaultsOptions,
): Promise<FieldFault[]> {
  const programs = [...programsOf(nodes), ...(inputSchema === null ? [] : [schemaAt('input_schema', inputSchema)])];
  return [
    ...graphFaults(nodes),
    ...branchFaults(nodes),
    ...capabilityFaults(nodes, capabilities),
    ...(await programFaults(programs, expressions)),
  ];
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
  return nodes.flatMap(({ requires }, index) =>
    requires.flatMap((capability, place) =>
      capabilities.has(capability)
        ? []
        : [
            {
              field: `nodes.${index}.requires.${place}`,
              constraint: 'capability',
              message: `Nobody here can do "${capability}". There is: ${[...capabilities].sort().join(', ')}.`,
            },
          ],
    ),
  );
}

const schemaAt = (field: string, schema: JsonObject): Placed => ({
  field,
  program: { language: 'json_schema', schema },
});

function programsOf(nodes: readonly NodeDefinition[]): Placed[] {
  return nodes.flatMap(({ operation, config, when }, index) => {
    const at = `nodes.${index}`;
    const cel = (field: string, source: string): Placed => ({
      field: `${at}.${field}`,
      program: { language: 'cel', source },
    });
    const condition = when === null ? [] : [cel('when', when)];
    switch (operation) {
      case 'transform':
        return [
          ...condition,
          { field: `${at}.config.expression`, program: { language: 'jsonata', source: String(config['expression']) } },
        ];
      case 'validate':
        return [...condition, schemaAt(`${at}.config.schema`, config['schema'] as JsonObject)];
      case 'human':
        return config['form'] === undefined
          ? condition
          : [...condition, schemaAt(`${at}.config.form`, config['form'] as JsonObject)];
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
