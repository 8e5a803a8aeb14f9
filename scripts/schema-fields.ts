/** What is read of a JSON Schema. */
export type JsonSchema = {
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  type?: string | string[];
  format?: string;
  pattern?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
};

/** A pattern that is longer explains nothing. */
const READABLE_PATTERN = 60;
/** Schemas without a name of their own are called so. */
const NAMELESS = /^__schema\d+$/;
/** More than this many forms of an object are described where they are defined. */
const FORMS_SHOWN = 4;

/** Schemas that refer to one another by name. */
export class SchemaBook {
  readonly #definitions: Readonly<Record<string, JsonSchema>>;

  constructor(definitions: Readonly<Record<string, JsonSchema>>) {
    this.#definitions = definitions;
  }

  /** A schema with what it refers to; what it says itself comes first. */
  resolve({ $ref, ...own }: JsonSchema): JsonSchema {
    if ($ref === undefined) return own;
    return { ...this.resolve(this.#definitions[$ref.replace('#/$defs/', '')] ?? {}), ...own };
  }

  /** What a value is, and its bounds, in words. */
  typeOf(schema: JsonSchema): string {
    const whole = this.resolve(schema);
    const name = nameIn(schema);
    if (name !== null && whole.type === 'string') return `\`${name}\``;
    const forms = whole.anyOf ?? whole.oneOf;
    if (forms === undefined) return this.#plainTypeOf(whole);
    if (isAnyJson(forms)) return 'JSON';
    return [...new Set(forms.map((form) => this.typeOf(form)))].join(' or ');
  }

  /** Texts of a form that has a name. */
  namedTexts(): { name: string; schema: JsonSchema }[] {
    return Object.entries(this.#definitions)
      .filter(([name, { type }]) => type === 'string' && !NAMELESS.test(name))
      .map(([name, schema]) => ({ name, schema }));
  }

  #plainTypeOf(schema: JsonSchema): string {
    if (schema.const !== undefined) return code(schema.const);
    if (schema.enum) return schema.enum.map(code).join(', ');
    switch (schema.type) {
      case 'string':
        return textType(schema);
      case 'integer':
      case 'number':
        return bounded(schema.type, schema.minimum, schema.maximum);
      case 'array': {
        const of = schema.items === undefined ? '' : ` of ${this.typeOf(schema.items)}`;
        return bounded(`list${of}`, schema.minItems, schema.maxItems, ' items');
      }
      case 'object':
        return typeof schema.additionalProperties === 'object'
          ? `by name: ${this.typeOf(schema.additionalProperties)}`
          : 'object';
      default:
        return [schema.type ?? 'JSON'].flat().join(' or ').replace('string', 'text');
    }
  }

  /** The objects that a value can be, or its items. */
  objectsIn(schema: JsonSchema): { path: string; object: JsonSchema }[] {
    const whole = this.resolve(schema);
    const forms = whole.anyOf ?? whole.oneOf ?? [];
    if (forms.length > FORMS_SHOWN || isAnyJson(forms)) return [];
    if (whole.properties) return [{ path: '', object: whole }];
    const within = (path: string, of: JsonSchema) =>
      this.objectsIn(of).map((each) => ({ ...each, path: path + each.path }));
    return [
      ...forms.flatMap((form) => within('', form)),
      ...(whole.items ? within('[]', whole.items) : []),
      ...(typeof whole.additionalProperties === 'object' ? within('.*', whole.additionalProperties) : []),
    ];
  }
}

/**
 * A table of the fields of an object, those of objects within it after the field that holds them; none has no lines. What
 * is given has no defaults.
 */
export function describeFields(schema: JsonSchema, book: SchemaBook, io: 'input' | 'output' = 'input'): string[] {
  const rows = new Map(rowsOf({ at: '', schema, book, io }));
  const head = io === 'input' ? ['Field', 'Type', 'Default', ''] : ['Field', 'Type', ''];
  return rows.size === 0 ? [] : [row(head), row(head.map(() => '---')), ...rows.values()];
}

type Place = { at: string; schema: JsonSchema; book: SchemaBook; io: 'input' | 'output' };

/** By the path of each field; a field that is in several forms of an object is there once. */
function rowsOf({ at, schema, book, io }: Place): [path: string, row: string][] {
  const objects = book.objectsIn(schema);
  return objects.flatMap(({ path, object }) => {
    const isAlone = objects.filter((other) => other.path === path).length === 1;
    return Object.entries(object.properties ?? {}).flatMap(([name, field]): [string, string][] => {
      const place = [at + path, name].filter((part) => part !== '').join('.');
      const needed = object.required?.includes(name) ? (isAlone ? 'required' : 'one of these') : '';
      const { default: fallback, description = '' } = book.resolve(field);
      const otherwise = io === 'output' ? [] : [fallback === undefined ? needed : code(fallback)];
      const cells = [code(place), book.typeOf(field), ...otherwise, description.replaceAll('|', '\\|')];
      return [[place, row(cells)], ...rowsOf({ at: place, schema: field, book, io })];
    });
  });
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function code(value: unknown): string {
  const text = typeof value === 'string' && value !== '' ? value : JSON.stringify(value);
  return `\`${text.replaceAll('|', '\\|')}\``;
}

const nameIn = ({ $ref }: JsonSchema): string | null => {
  const name = $ref?.replace('#/$defs/', '') ?? null;
  return name === null || NAMELESS.test(name) ? null : name;
};

/** Any of the six kinds of JSON. */
const isAnyJson = (forms: readonly JsonSchema[]): boolean =>
  ['string', 'number', 'boolean', 'null', 'array', 'object'].every((type) => forms.some((form) => form.type === type));

function textType({ format, pattern, minLength, maxLength }: JsonSchema): string {
  if (format === 'uuid') return 'UUID';
  if (format === 'date-time') return 'time (RFC 3339)';
  const isReadable = pattern !== undefined && pattern.length <= READABLE_PATTERN && !pattern.includes('`');
  const matching = isReadable ? ` matching ${code(pattern)}` : '';
  return bounded(`text${matching}`, minLength, maxLength, ' characters');
}

function bounded(type: string, least: number | undefined, most: number | undefined, of = ''): string {
  const upper = most === Number.MAX_SAFE_INTEGER ? undefined : most;
  const lower = least === Number.MIN_SAFE_INTEGER ? undefined : least;
  if (upper !== undefined) return `${type}, ${lower === undefined ? 'at most ' : `${lower} to `}${upper}${of}`;
  return lower === undefined ? type : `${type}, at least ${lower}${of}`;
}
