/** What one item of the fan-out makes, and so what is found in the end. */
export const ITEMS = Array.from({ length: 12 }, (_, n) => n);
/** What the nodes of a workflow have added to its list when it has gone to its end, sorted. */
export const WORDS = { whole: ['first', 'last', 'shaky'], brief: ['first', 'last'], desk: ['first', 'last'] } as const;
const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4'];
const PLACES_EACH = 32;
/** How many attempts both workers together have under way at most. */
export const ALL_PLACES = HOSTS.length * PLACES_EACH;

const SHAKY = 'import random, sys\nif random.random() < 0.3: sys.exit(1)\nprint("shaky", end="")';
const AGAIN = { retries: 50, backoff: { kind: 'fixed', first_ms: 50 } };

/** Adds its name to a list, once. It has no attempt to spare: nothing that breaks around it is a failure of its own. */
const word = (key: string, depends_on: string[] = []) => ({
  key,
  runtime: 'native',
  operation: 'transform',
  depends_on,
  config: { expression: `"${key}"` },
  outputs: { '*': { path: '$context.words', merge: 'append' } },
});

const tell = (deskUrl: string, depends_on: string[]) => ({
  key: 'tell',
  runtime: 'native',
  operation: 'http',
  depends_on,
  inputs: { body: '$context.input' },
  config: { method: 'POST', url: `${deskUrl}/orders` },
  outputs: { body: { path: '$context.told', merge: 'replace' } },
  policy: { ...AGAIN, timeout_ms: 5_000 },
});

const ask = (depends_on: string[]) => ({
  key: 'ask',
  runtime: 'provider',
  operation: 'chat',
  depends_on,
  inputs: { name: '$context.input.name' },
  config: { provider: 'counting', model: 'm', prompt: 'call {{name}}.' },
  outputs: { text: { path: '$context.answer', merge: 'replace' } },
});

export type Workflow = keyof ReturnType<typeof workflowsOf>;

/** The workflows of the load, whose effects can be counted. */
export const workflowsOf = (deskUrl: string) => ({
  /** Over as soon as somebody runs it. */
  probe: { name: 'probe', nodes: [{ key: 'only', runtime: 'native', operation: 'noop' }] },
  below: {
    name: 'below',
    nodes: [
      {
        key: 'twice',
        runtime: 'native',
        operation: 'transform',
        inputs: { n: '$context.input.n' },
        config: { expression: 'n * 2' },
      },
    ],
  },
  /** Everything that a workflow can do. */
  whole: {
    name: 'whole',
    nodes: [
      word('first'),
      {
        ...word('shaky', ['first']),
        runtime: 'code',
        operation: 'evaluate',
        // One in three fails, and is tried again.
        config: { language: 'python', code: SHAKY },
        outputs: { stdout: { path: '$context.words', merge: 'append' } },
        policy: AGAIN,
      },
      {
        key: 'many',
        runtime: 'native',
        operation: 'transform',
        depends_on: ['first'],
        for_each: '$context.input.items',
        inputs: { n: '$item' },
        config: { expression: 'n * 2' },
      },
      { key: 'wait', runtime: 'native', operation: 'delay', depends_on: ['many'], config: { ms: 300 } },
      tell(deskUrl, ['first']),
      ask(['first']),
      {
        key: 'below',
        runtime: 'native',
        operation: 'subworkflow',
        depends_on: ['first'],
        inputs: { n: 21 },
        config: { name: 'below', output: '$context.twice' },
      },
      word('last', ['shaky', 'wait', 'tell', 'ask', 'below']),
    ],
  },
  /** For those who pause, cancel and retry it. Its runs end only as long as each gives its place free. */
  brief: {
    name: 'brief',
    concurrency: { limit: 40 },
    nodes: [
      word('first'),
      { key: 'wait', runtime: 'native', operation: 'delay', depends_on: ['first'], config: { ms: 500 } },
      tell(deskUrl, ['first']),
      ask(['wait']),
      word('last', ['tell', 'ask']),
    ],
  },
  /** Waits for somebody's decision. */
  desk: {
    name: 'desk',
    nodes: [
      word('first'),
      {
        key: 'decide',
        runtime: 'native',
        operation: 'human',
        depends_on: ['first'],
        inputs: { name: '$context.input.name' },
        config: { title: 'Well?', on_reject: 'output' },
      },
      word('last', ['decide']),
    ],
  },
  /** Takes every place of every worker at the same time. A worker opens 32 connections to one host, so there are several. */
  together: {
    name: 'together',
    nodes: HOSTS.map((host, at) => ({
      key: `each_${at}`,
      runtime: 'native',
      operation: 'http',
      for_each: { items: Array.from({ length: PLACES_EACH }, (_, n) => n), concurrency: PLACES_EACH },
      config: { url: `${deskUrl.replace('127.0.0.1', host)}/together` },
    })),
  },
});
