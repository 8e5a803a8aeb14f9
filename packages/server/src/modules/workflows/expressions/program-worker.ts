import { parentPort } from 'node:worker_threads';
import { type CelInput, type CelValue, celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import jsonata from 'jsonata';
import type { Json } from '../../../kernel/json.ts';
import type { JsonObject } from '../model.ts';
import type { Program, Question, Reply, SchemaFault } from './model.ts';

/* The thread that programs of definitions run on. Whoever asks stops it when an answer takes too long. */

type Runnable = (variables: JsonObject) => Promise<Json> | Json;

/** Thrown with what does not fit. */
class Misfit extends Error {
  readonly faults: readonly SchemaFault[];

  constructor(faults: readonly SchemaFault[]) {
    super('It does not fit the schema.');
    this.faults = faults;
  }
}

const MOST_READ = 500;
const MOST_FAULTS = 20;
const read = new Map<string, Runnable>();
const cel = celEnv({ funcs: strings });
const schemas = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });

parentPort?.on('message', async (question: Question) => parentPort?.postMessage(await answer(question)));

async function answer({ program, variables }: Question): Promise<Reply> {
  try {
    const runnable = readProgram(program);
    return { ok: true, value: variables === null ? null : await runnable(variables) };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String((thrown as { message?: unknown }).message);
    return { ok: false, message, faults: thrown instanceof Misfit ? thrown.faults : [] };
  }
}

function readProgram(program: Program): Runnable {
  const key = JSON.stringify(program);
  const known = read.get(key);
  if (known) return known;
  const runnable = RUNNABLES[program.language](program as never);
  if (read.size >= MOST_READ) read.clear();
  read.set(key, runnable);
  return runnable;
}

const RUNNABLES: { [Language in Program['language']]: (program: Program & { language: Language }) => Runnable } = {
  cel({ source }) {
    const evaluate = evaluator(source);
    return (variables) => {
      const value = evaluate(variables);
      if (typeof value !== 'boolean') throw new Error('A condition must be true or false.');
      return value;
    };
  },
  cel_key({ source }) {
    const evaluate = evaluator(source);
    return (variables) => {
      const value = evaluate(variables);
      if (value === null || typeof value === 'string') return value;
      if (typeof value === 'object') throw new Error('A key must be a text, a number, true, false or null.');
      return String(value);
    };
  },
  jsonata({ source }) {
    const expression = jsonata(source);
    // What it gives holds functions and marks of its own; as JSON it is what it says.
    return async (variables) => JSON.parse(JSON.stringify((await expression.evaluate(variables)) ?? null));
  },
  json_schema({ schema }) {
    const validate: ValidateFunction = schemas.compile(schema);
    schemas.removeSchema(schema);
    return ({ value }) => {
      if (validate(value)) return true;
      const faults = (validate.errors ?? []).slice(0, MOST_FAULTS);
      throw new Misfit(
        faults.map(({ instancePath, params, message = '' }) => ({ path: instancePath + missing(params), message })),
      );
    };
  },
};

function evaluator(source: string): (variables: JsonObject) => CelValue {
  const evaluate = plan(cel, parse(source));
  return (variables) => {
    const value = evaluate(toCel(variables) as Record<string, CelInput>);
    if (isCelError(value)) throw new Error(value.message);
    return value;
  };
}

/** The property that is not there is where the fault is. */
const missing = (params: Record<string, unknown>): string =>
  typeof params['missingProperty'] === 'string' ? `/${escaped(params['missingProperty'])}` : '';
/** RFC 6901 section 3. */
const escaped = (step: string): string => step.replaceAll('~', '~0').replaceAll('/', '~1');

/** JSON has one kind of number, CEL has two that cannot be added to each other: a whole one is an integer. */
function toCel(value: Json): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(toCel);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toCel(item)]));
}
