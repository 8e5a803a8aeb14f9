import { AppError, type FieldFault } from '../../../kernel/errors.ts';
import { type AddressRules, readDestination } from '../../../platform/http-client/index.ts';
import type { NodeDefinition } from '../model.ts';
import { templatesOf } from '../runtimes/http.ts';
import { placesIn } from '../runtimes/template.ts';

type Template = { field: string; text: string };

/** Where the configuration of a node stands, as its maker wrote it. */
const configField = ({ forEach }: NodeDefinition, index: number): string =>
  `nodes.${index}.config${forEach?.writtenAs === 'fan_out' ? '.each.config' : ''}`;

const isHttp = ({ runtime, operation }: NodeDefinition): boolean => runtime === 'native' && operation === 'http';

/** The secrets that a definition sends somewhere. */
export const secretsIn = (nodes: readonly NodeDefinition[]): string[] => [
  ...new Set(
    nodes.filter(isHttp).flatMap((node) => templatesOf(node).flatMap(([, text]) => [...placesIn(text).secrets])),
  ),
];

/** What is wrong with texts that inputs are filled into, and with addresses. */
export function templateFaults(node: NodeDefinition, index: number, rules: AddressRules): FieldFault[] {
  const at = configField(node, index);
  const templates = templatesIn(node).map(([name, text]) => ({ field: `${at}.${name}`, text }));
  const address = isHttp(node) ? addressFaults({ field: `${at}.url`, text: String(node.config['url']) }, rules) : [];
  return [...templates.flatMap((template) => placeFaults(node, template)), ...address];
}

function templatesIn(node: NodeDefinition): [name: string, text: string][] {
  const { prompt } = node.config;
  if (isHttp(node)) return templatesOf(node);
  return node.runtime === 'provider' && typeof prompt === 'string' ? [['prompt', prompt]] : [];
}

function placeFaults(node: NodeDefinition, { field, text }: Template): FieldFault[] {
  const { inputs, secrets } = placesIn(text);
  const unknown = [...inputs].filter((name) => !node.inputs.some((input) => input.name === name));
  const isHeader = isHttp(node) && field.includes('.headers.');
  return [
    ...unknown.map((name) => ({ field, constraint: 'input', message: `The node has no input "${name}".` })),
    ...(secrets.size === 0 || isHeader
      ? []
      : [{ field, constraint: 'secret', message: 'A secret can stand in a header of an http node only.' }]),
  ];
}

/** Whoever starts a run fills inputs in: they say what is asked, and the definition who. */
const WITH_HOST = /^https?:\/\/[^/?#{}\s]+(?:[/?#]|$)/i;

function addressFaults({ field, text }: Template, rules: AddressRules): FieldFault[] {
  if (!WITH_HOST.test(text))
    return [{ field, constraint: 'url', message: 'It must begin with https:// and a host that is written out.' }];
  try {
    readDestination(text.replaceAll(/\{\{[^{}]*\}\}/g, 'x'), { rules, field });
    return [];
  } catch (thrown) {
    if (thrown instanceof AppError) return [{ field, constraint: 'url', message: thrown.message }];
    throw thrown;
  }
}
