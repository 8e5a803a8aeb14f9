import { invalidRequest } from './refusal.ts';

export type JsonObject = { [key: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** More tokens of a kind than this are in no call; a provider that says so cannot count, and sums stay exact. */
const MOST_COUNTED = 1_000_000_000;

/** A whole number, zero or more, in what a provider said; zero for anything else. */
export const countOf = (value: unknown): number =>
  typeof value === 'number' && value >= 0 ? Math.min(MOST_COUNTED, Math.floor(value)) : 0;

/** A text in what a provider said; empty for anything else. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** An object in what a provider said; empty for anything else. */
export const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {});

/** A list in what a provider said; empty for anything else. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/**
 * The arguments of a tool call as an object: they are text in one dialect and an object in another.
 * @throws AppError `invalid` when the text is no JSON object
 */
export function argumentsOf(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text);
    if (isObject(value)) return value;
  } catch {
    // Falls through to the refusal.
  }
  throw invalidRequest('tool_calls.function.arguments', 'The arguments of a tool call must be a JSON object.');
}

/**
 * Reads a JSON object that a stranger wrote, field by field. Fields that are absent or null are null; a field of another
 * type is refused by its path. What nobody asked for is told by `unread`.
 */
export class JsonReader {
  readonly #value: JsonObject;
  readonly #path: string;
  readonly #read = new Set<string>();

  /** @throws AppError `invalid` when the value is no object */
  constructor(value: unknown, path: string) {
    if (!isObject(value)) throw invalidRequest(path || 'body', `${path || 'The body'} must be an object.`);
    this.#value = value;
    this.#path = path;
  }

  pathOf(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  /** Names of fields that hold something and that nobody has read. */
  unread(): string[] {
    return Object.keys(this.#value).filter((name) => this.#value[name] !== null && !this.#read.has(name));
  }

  /** Marks fields as heeded without a look at them. */
  ignore(...names: string[]): void {
    for (const name of names) this.#read.add(name);
  }

  any(name: string): unknown {
    this.#read.add(name);
    return this.#value[name] ?? null;
  }

  text(name: string): string | null {
    return this.#typed(name, 'string') as string | null;
  }

  requiredText(name: string): string {
    return this.text(name) ?? this.#missing(name);
  }

  number(name: string): number | null {
    return this.#typed(name, 'number') as number | null;
  }

  /** A whole number that is not negative. */
  count(name: string): number | null {
    const value = this.number(name);
    if (value === null || (Number.isSafeInteger(value) && value >= 0)) return value;
    throw invalidRequest(this.pathOf(name), `${this.pathOf(name)} must be a whole number, zero or more.`);
  }

  flag(name: string): boolean | null {
    return this.#typed(name, 'boolean') as boolean | null;
  }

  object(name: string): JsonObject | null {
    const value = this.any(name);
    if (value === null || isObject(value)) return value as JsonObject | null;
    throw invalidRequest(this.pathOf(name), `${this.pathOf(name)} must be an object.`);
  }

  reader(name: string): JsonReader | null {
    const value = this.object(name);
    return value === null ? null : new JsonReader(value, this.pathOf(name));
  }

  list(name: string): unknown[] | null {
    const value = this.any(name);
    if (value === null || Array.isArray(value)) return value;
    throw invalidRequest(this.pathOf(name), `${this.pathOf(name)} must be a list.`);
  }

  /** A list of objects, each with its path. */
  readers(name: string): JsonReader[] {
    return (this.list(name) ?? []).map((item, index) => new JsonReader(item, `${this.pathOf(name)}.${index}`));
  }

  oneOf<const Word extends string>(name: string, words: readonly Word[]): Word | null {
    const value = this.text(name);
    if (value === null || (words as readonly string[]).includes(value)) return value as Word | null;
    throw invalidRequest(this.pathOf(name), `${this.pathOf(name)} must be one of ${words.join(', ')}.`);
  }

  #typed(name: string, type: 'string' | 'number' | 'boolean'): unknown {
    const value = this.any(name);
    if (value === null || typeof value === type) return value;
    throw invalidRequest(this.pathOf(name), `${this.pathOf(name)} must be a ${type}.`);
  }

  #missing(name: string): never {
    throw invalidRequest(this.pathOf(name), `${this.pathOf(name)} is required.`);
  }
}
