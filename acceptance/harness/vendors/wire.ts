/** A request as a vendor understands it, whatever its words for it are. */
export type Asked = {
  /** Which provider, by the name that it has in the test. */
  provider: string;
  model: string;
  isStreamed: boolean;
  system: string;
  /** Everything that the user said last. */
  text: string;
  images: string[];
  tools: string[];
  /** A tool that has to be used. */
  forced: string | null;
  /** What tools answered. */
  results: string[];
  schema: object | null;
  maxTokens: number | null;
};

export type Counted = { input: number; output: number };
/** What a vendor's model answers: words, or the use of a tool. */
export type Said = { words: readonly string[]; tool: { name: string; input: object } | null; counted: Counted };

export type Body = { [field: string]: unknown };
export type Frame = { event?: string; data: unknown };

/** One vendor's wire format, from the vendor's side. */
export type Wire = {
  /** @throws Error for what the vendor would refuse */
  read(body: Body, path: string): Omit<Asked, 'provider'>;
  whole(said: Said, asked: Asked): object;
  stream(said: Said, asked: Asked): Frame[];
  /** Frames as lines of JSON, and not as server-sent events. */
  isLines?: true;
  error(status: number, message: string): object;
};

/** What a vendor says to a field that it does not know, or that has the wrong shape. */
export function refuse(message: string): never {
  throw new Error(message);
}

/** Holds a body to the fields that a vendor knows. */
export function expectFields(body: Body, known: readonly string[], required: readonly string[]): void {
  for (const name of Object.keys(body)) if (!known.includes(name)) refuse(`Unknown field: ${name}`);
  for (const name of required) if (body[name] === undefined) refuse(`Missing field: ${name}`);
}

export const list = (value: unknown): Body[] => (Array.isArray(value) ? (value as Body[]) : []);
export const object = (value: unknown): Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : refuse('Not an object.');
export const text = (value: unknown): string => (typeof value === 'string' ? value : refuse('Not a text.'));
export const numberOrNull = (value: unknown): number | null =>
  value === undefined ? null : typeof value === 'number' ? value : refuse('Not a number.');

/** The data of a `data:` URL, else the address itself. */
export const imageOf = (url: string): string => /^data:image\/png;base64,(.*)$/.exec(url)?.[1] ?? url;
