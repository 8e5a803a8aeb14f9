import { jsonSchemaOf, NODE_REFERENCE, NodeDefinition } from '@assay/contract';
import { findTool } from '../packages/server/src/modules/workflows/index.ts';
import { describeFields, type JsonSchema, SchemaBook } from './schema-fields.ts';

type Operation = keyof typeof NODE_REFERENCE;
type Fields = Readonly<Record<string, JsonSchema>>;
type Variant = { runtime: string; operations: Operation[]; summary: string; schema: JsonSchema };

const INTRODUCTIONS: Readonly<Record<string, string>> = {
  native: 'What Assay does itself.',
  provider: 'What models are asked.',
  code: 'Programs, each run as an evaluation.',
  tool: 'What can be run is what a runner has the program of: `GET /v1/workflow-tools` lists it.',
  wasm: 'WebAssembly modules for WASI (preview 1).',
};
/** What an operation has beside what every node has. */
const OWN: ReadonlySet<string> = new Set(['runtime', 'operation', 'config']);

/** The reference of everything that a node of a workflow can be. */
export async function renderWorkflowNodes(): Promise<string> {
  const { $defs = {}, ...whole } = jsonSchemaOf(NodeDefinition, 'input') as JsonSchema;
  const book = new SchemaBook($defs);
  const variants = (book.resolve(whole).oneOf ?? []).map(readVariant);
  const common = commonFields(variants);
  const runtimes = [...new Set(variants.map(({ runtime }) => runtime))];
  return [
    '# Nodes of workflows',
    '',
    'What a node can be, with the fields of each: generated from the schemas that definitions are read with. How nodes work',
    'together is in the [guide](../guides/workflows.md). Every example here is checked, and run where that takes nothing from',
    'outside, by `acceptance/workflow-node-reference.test.ts`.',
    '',
    ...contents(runtimes.flatMap((runtime) => variants.filter((variant) => variant.runtime === runtime))),
    '',
    '## Every node',
    '',
    ...describeFields({ type: 'object', properties: common, required: ['key'] }, book),
    '',
    ...book
      .namedTexts()
      .map(({ name, schema }) => `\`${name}\`: ${schema.description ?? ''} A ${book.typeOf(schema)}.\n`),
    ...runtimes.flatMap((runtime) => [
      `## Runtime \`${runtime}\``,
      '',
      INTRODUCTIONS[runtime] ?? '',
      '',
      ...variants.filter((variant) => variant.runtime === runtime).flatMap((each) => section(each, common, book)),
    ]),
  ].join('\n');
}

function readVariant(schema: JsonSchema): Variant {
  const { runtime, operation } = schema.properties ?? {};
  const operations = (operation?.enum ?? [operation?.const]) as Operation[];
  return { runtime: String(runtime?.const), operations, summary: schema.description ?? '', schema };
}

/** The fields of the variant that has the most of them, apart from its own. */
function commonFields(variants: readonly Variant[]): Fields {
  const all = variants.map(({ schema }) => Object.entries(schema.properties ?? {}).filter(([name]) => !OWN.has(name)));
  return Object.fromEntries(all.sort((a, b) => b.length - a.length)[0] ?? []);
}

function contents(variants: readonly Variant[]): string[] {
  const rows = variants.flatMap(({ runtime, operations, summary }) =>
    operations.map((operation) => {
      const does = findTool(operation)?.summary ?? summary;
      return `| \`${runtime}\` | [\`${operation}\`](#${anchor(operation)}) | ${does} |`;
    }),
  );
  return ['| Runtime | Operation | |', '| --- | --- | --- |', ...rows];
}

/** As renderers of Markdown make it of a heading. */
const anchor = (operation: string): string => operation.replaceAll('.', '');

function section({ schema, operations, summary }: Variant, common: Fields, book: SchemaBook): string[] {
  const config = describeFields(book.resolve(schema.properties?.['config'] ?? {}), book);
  const absent = Object.keys(common).filter((name) => schema.properties?.[name] === undefined);
  const lacks = absent.length === 0 ? [] : [`It has no ${absent.map((name) => `\`${name}\``).join(' and no ')}.`, ''];
  const [first] = operations;
  if (first === undefined) return [];
  const all = [summary, '', ...lacks, ...titled('Configuration', config), ...readsAndGives(first)];
  if (operations.length === 1) return [`### ${first}`, '', ...all, ...exampleOf(first)];
  return ['### Every tool', '', ...all, ...operations.flatMap(toolSection)];
}

function toolSection(operation: Operation): string[] {
  const { summary = '', schema = {} } = findTool(operation) ?? {};
  const fields = describeFields(schema as JsonSchema, new SchemaBook({}));
  return [`### ${operation}`, '', summary, '', ...titled('Arguments', fields), ...exampleOf(operation)];
}

function readsAndGives(operation: Operation): string[] {
  const { reads, gives } = NODE_REFERENCE[operation];
  const inputs = Object.entries(reads).map(([name, what]) => `| ${name === '*' ? 'any' : `\`${name}\``} | ${what} |`);
  const { $defs = {}, ...output } = jsonSchemaOf(gives, 'output') as JsonSchema;
  const book = new SchemaBook($defs);
  const fields = describeFields(output, book, 'output');
  const { description } = output;
  return [
    ...titled('Inputs', inputs.length === 0 ? [] : ['| Input | |', '| --- | --- |', ...inputs]),
    ...['**Output**', ''],
    ...(fields.length === 0 ? [`${book.typeOf(output)}: ${description}`] : []),
    ...(fields.length > 0 && description ? [description, ''] : []),
    ...fields,
    '',
  ];
}

const exampleOf = (operation: Operation): string[] => [
  '```json',
  written(NODE_REFERENCE[operation].example),
  '```',
  '',
];

/** Longest line of an example. */
const LINE = 110;

/** JSON as people write it: on one line what fits there. */
function written(value: unknown, indent = ''): string {
  const flat = JSON.stringify(value, null, 1)
    .replaceAll(/\n\s*/g, ' ')
    .replaceAll(/(?<=[[{]) | (?=[\]}])/g, '');
  if (typeof value !== 'object' || value === null || flat.length + indent.length <= LINE) return flat;
  const inner = `${indent}  `;
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const parts = Object.entries(value).map(([name, part]) => {
    const label = Array.isArray(value) ? '' : `${JSON.stringify(name)}: `;
    return `${inner}${label}${written(part, inner)}`;
  });
  return `${open}\n${parts.join(',\n')}\n${indent}${close}`;
}

const titled = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`**${title}**`, '', ...lines, ''];
