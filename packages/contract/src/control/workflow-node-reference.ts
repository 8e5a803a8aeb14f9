import { z } from 'zod';
import type { NodeDefinition } from './workflow-node.ts';

/* What nodes read, what they give, and how one is written: the reference says it, and tests hold it. */

type NodeReference = {
  /** What inputs are for, by their names; `*` stands for whatever the definition calls them. */
  reads: Readonly<Record<string, string>>;
  /** What the output is. */
  gives: z.ZodType;
  example: z.input<typeof NodeDefinition>;
};

const Values = z.record(z.string(), z.json());
const ANY = { '*': 'Whatever the definition names.' };

const ResultFile = z.strictObject({
  path: z.string().meta({ description: 'As the program called it.' }),
  size: z.int().optional().meta({ description: 'Bytes.' }),
  asset_id: z.string().optional().meta({ description: 'The asset that the file has become.' }),
  skipped: z.string().optional().meta({ description: 'Why it could not be brought back.' }),
});

const ProgramOutput = z.strictObject({
  stdout: z.json().meta({ description: 'A text, or with `"stdout": "json"` what it reads as.' }),
  stderr: z.string().meta({ description: 'Standard error.' }),
  exit_code: z.int().meta({ description: 'What is not 0 is a failure, apart from what a tool tells with it.' }),
  evaluation_id: z.string().meta({ description: 'The evaluation that it ran as, with its receipt.' }),
  runtime_ms: z.number().meta({ description: 'Milliseconds that it took.' }),
  output_truncated: z.boolean().meta({ description: 'Whether there was more than `stdout` and `stderr` hold.' }),
  stdout_asset_id: z.string().nullable().meta({ description: 'All of it, where it was cut.' }),
  stderr_asset_id: z.string().nullable().meta({ description: 'All of it, where it was cut.' }),
  files: z.array(ResultFile).meta({ description: 'Those that `outputs` asked for.' }),
});

const STDIN = 'Standard input: a text, or JSON that is given as one; 1 MiB.';
const FILES = 'Files by their paths, each a text, `{"base64": …}` or `{"asset_id": …}`; 50 files, 8 MiB in all.';
const PROGRAM_INPUTS = {
  stdin: STDIN,
  args: 'A list of arguments: texts, numbers and booleans; 100 of 10,000 characters.',
  env: 'Variables of the environment by their names; 100 of 10,000 characters.',
  files: FILES,
};

const toolReference = (example: NodeReference['example']): NodeReference => ({
  reads: { arguments: 'Laid over the arguments of the configuration.', stdin: STDIN, files: FILES },
  gives: ProgramOutput,
  example,
});

/** By their operation. */
export const NODE_REFERENCE: Readonly<Record<NodeDefinition['operation'], NodeReference>> = {
  noop: {
    reads: ANY,
    gives: Values.meta({ description: 'Its inputs.' }),
    example: { key: 'accepted', runtime: 'native', operation: 'noop', inputs: { verdict: 'accepted' } },
  },
  merge: {
    reads: { '*': 'The objects to merge.' },
    gives: Values.meta({ description: 'One object.' }),
    example: {
      key: 'settings',
      runtime: 'native',
      operation: 'merge',
      config: { merge: 'deep_merge' },
      inputs: { a_defaults: { colour: 'grey', size: { width: 10 } }, b_own: { size: { height: 20 } } },
    },
  },
  validate: {
    reads: { value: 'What must fit the schema.' },
    gives: z.json().meta({ description: 'The input `value`.' }),
    example: {
      key: 'order',
      runtime: 'native',
      operation: 'validate',
      config: {
        schema: { type: 'object', required: ['lines'], properties: { lines: { type: 'array', minItems: 1 } } },
      },
      inputs: { value: { lines: [{ price: 90 }] } },
    },
  },
  transform: {
    reads: { '*': 'What the expression knows by these names.' },
    gives: z.json().meta({ description: 'What the expression makes.' }),
    example: {
      key: 'total',
      runtime: 'native',
      operation: 'transform',
      config: { expression: '$sum(lines.price)' },
      inputs: { lines: [{ price: 90 }, { price: 20 }] },
    },
  },
  delay: {
    reads: ANY,
    gives: Values.meta({ description: 'Its inputs.' }),
    example: { key: 'a_while', runtime: 'native', operation: 'delay', config: { ms: 100 } },
  },
  branch: {
    reads: {},
    gives: z.strictObject({
      case: z.string().nullable().meta({ description: 'The condition that was true; null when none was.' }),
      to: z.array(z.string()).meta({ description: 'Where it went.' }),
    }),
    example: {
      key: 'size',
      runtime: 'native',
      operation: 'branch',
      config: { cases: [{ when: 'input.total > 100', to: ['review'] }], otherwise: ['accept'] },
    },
  },
  fan_out: {
    reads: {},
    gives: z.array(z.json()).meta({ description: 'What `each` gave, in the order of the items.' }),
    example: {
      key: 'pages',
      runtime: 'native',
      operation: 'fan_out',
      config: {
        items: ['one', 'two'],
        concurrency: 5,
        each: {
          runtime: 'native',
          operation: 'transform',
          config: { expression: '$uppercase(text)' },
          inputs: { text: '$item' },
        },
      },
    },
  },
  fan_in: {
    reads: { '*': 'What is brought together, in the order of the definition.' },
    gives: z.json().meta({ description: 'What `as` says.' }),
    example: {
      key: 'both',
      runtime: 'native',
      operation: 'fan_in',
      config: { as: 'concat' },
      inputs: { web: ['a', 'b'], print: ['c'] },
    },
  },
  http: {
    reads: {
      body: 'Sent as JSON.',
      '*': 'Filled into `url`, `query` and `headers`, where `{{name}}` stands.',
    },
    gives: z.strictObject({
      status: z.int().meta({ description: 'Of HTTP.' }),
      headers: z.record(z.string(), z.string()).meta({
        description:
          'By their lower-case names, where there: `content-type`, `content-length`, `date`, `etag`, `last-modified`, `link`, `location`, `retry-after`, `x-request-id`.',
      }),
      body: z.json().meta({ description: 'JSON where the answer says so, otherwise a text; of `HEAD` null.' }),
    }),
    example: {
      key: 'notify',
      runtime: 'native',
      operation: 'http',
      config: { method: 'POST', url: 'https://shop.example/orders/{{order}}/events' },
      inputs: { order: 'A 17', body: { state: 'released' } },
      policy: { retries: 5, timeout_ms: 10_000 },
    },
  },
  subworkflow: {
    reads: { '*': 'The input of that run.' },
    gives: z.json().meta({ description: 'What `output` leads to.' }),
    example: {
      key: 'priced',
      runtime: 'native',
      operation: 'subworkflow',
      config: { name: 'pricing', output: '$context.total' },
      inputs: { lines: [{ price: 90 }] },
    },
  },
  human: {
    reads: { '*': 'What there is to look at.' },
    gives: z
      .strictObject({
        decision: z.enum(['approve', 'reject']).meta({ description: 'What was decided.' }),
        values: Values.meta({ description: 'What the form asked for.' }),
        comment: z.string().meta({ description: 'What was said to it.' }),
        by: z.string().meta({ description: 'Who decided.' }),
        at: z.iso.datetime().meta({ description: 'When.' }),
      })
      .meta({ description: 'The decision; or once the deadline is over, the `output` of `on_deadline`.' }),
    example: {
      key: 'release',
      runtime: 'native',
      operation: 'human',
      config: {
        title: 'Publish this summary?',
        assignee: { role: 'operator' },
        form: { type: 'object', required: ['channel'], properties: { channel: { enum: ['web', 'print'] } } },
        deadline_ms: 86_400_000,
        on_reject: 'output',
      },
      inputs: { summary: 'Rivers are long.' },
    },
  },
  chat: {
    reads: {
      prompt: 'What is asked, where the configuration has no `prompt`.',
      messages: 'A conversation instead, in the form of OpenAI’s Chat Completions.',
      '*': 'Filled into the `prompt` of the configuration, where `{{name}}` stands.',
    },
    gives: z.strictObject({
      text: z.string().meta({ description: 'What the model said.' }),
      tool_calls: z
        .array(
          z.strictObject({
            id: z.string().meta({ description: 'What the result must name.' }),
            name: z.string().meta({ description: 'Of the tool.' }),
            arguments: z.string().meta({ description: 'JSON in a text.' }),
          }),
        )
        .meta({ description: 'What it wants called, where `params` offers tools.' }),
      stop_reason: z.string().meta({ description: 'Why it said no more.' }),
      provider: z.string().meta({ description: 'Who answered.' }),
      model: z.string().meta({ description: 'Which model did.' }),
      usage: z
        .strictObject({
          input_tokens: z.int().meta({ description: 'Of the question, caches included.' }),
          output_tokens: z.int().meta({ description: 'Of the answer.' }),
          is_estimated: z.boolean().meta({ description: 'Whether the provider did not count, or not to the end.' }),
          cost_usd: z.number().nullable().meta({ description: 'Null where the price is not known.' }),
        })
        .meta({ description: 'What was billed.' }),
      value: z.json().optional().meta({ description: 'What the answer reads as, with `"output": "json"`.' }),
    }),
    example: {
      key: 'summary',
      runtime: 'provider',
      operation: 'chat',
      config: {
        model: 'echo',
        system: 'You are an editor.',
        prompt: 'Summarise this:\n{{text}}',
        params: { max_tokens: 300 },
        billed_to: { project: 'reports' },
      },
      inputs: { text: 'Rivers are long.' },
      policy: { retries: 2, timeout_ms: 60_000 },
    },
  },
  evaluate: {
    reads: { code: 'The program, where the configuration has no `code`.', ...PROGRAM_INPUTS },
    gives: ProgramOutput,
    example: {
      key: 'score',
      runtime: 'code',
      operation: 'evaluate',
      config: {
        language: 'python',
        code: 'import json, sys\nprint(json.dumps({"lines": len(json.load(sys.stdin))}))',
        stdout: 'json',
        timeout: 10,
      },
      inputs: { stdin: [{ price: 90 }, { price: 20 }] },
    },
  },
  jq: toolReference({
    key: 'total',
    runtime: 'tool',
    operation: 'jq',
    config: { arguments: { filter: '[.lines[].price] | add' }, stdout: 'json' },
    inputs: { stdin: { lines: [{ price: 90 }, { price: 20 }] } },
  }),
  'git.diff': toolReference({
    key: 'changes',
    runtime: 'tool',
    operation: 'git.diff',
    config: { arguments: { from: 'old.txt', to: 'new.txt', form: 'patch' } },
    inputs: { files: { 'old.txt': 'one\n', 'new.txt': 'one\ntwo\n' } },
  }),
  'git.apply': toolReference({
    key: 'patched',
    runtime: 'tool',
    operation: 'git.apply',
    config: { arguments: {}, outputs: ['a.txt'] },
    inputs: {
      stdin: '--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+two\n',
      files: { 'a.txt': 'one\n' },
    },
  }),
  'git.merge_file': toolReference({
    key: 'merged',
    runtime: 'tool',
    operation: 'git.merge_file',
    config: { arguments: { current: 'ours.txt', base: 'base.txt', other: 'theirs.txt', favour: 'union' } },
    inputs: { files: { 'base.txt': 'one\n', 'ours.txt': 'one\ntwo\n', 'theirs.txt': 'one\nthree\n' } },
  }),
  'git.hash_object': toolReference({
    key: 'id_of_file',
    runtime: 'tool',
    operation: 'git.hash_object',
    config: { arguments: { path: 'a.txt' } },
    inputs: { files: { 'a.txt': 'one\n' } },
  }),
  'ffmpeg.convert': toolReference({
    key: 'speech',
    runtime: 'tool',
    operation: 'ffmpeg.convert',
    config: {
      arguments: { input: 'talk.mp4', output: 'talk.mp3', without_video: true, audio_bitrate_kbps: 96 },
      outputs: ['talk.mp3'],
      timeout: 120,
    },
    inputs: { files: { 'talk.mp4': { asset_id: '8f7d1c0a-3c7e-4f0c-9d43-0d6b1f2a9c55' } } },
  }),
  'ffmpeg.frame': toolReference({
    key: 'cover',
    runtime: 'tool',
    operation: 'ffmpeg.frame',
    config: {
      arguments: { input: 'talk.mp4', output: 'cover.png', at_seconds: 3, width: 640 },
      outputs: ['cover.png'],
    },
    inputs: { files: { 'talk.mp4': { asset_id: '8f7d1c0a-3c7e-4f0c-9d43-0d6b1f2a9c55' } } },
  }),
  run_module: {
    reads: { module: 'The module as bytes, where the configuration has no `asset_id`.', ...PROGRAM_INPUTS },
    gives: ProgramOutput,
    example: {
      key: 'counted',
      runtime: 'wasm',
      operation: 'run_module',
      config: { asset_id: '8f7d1c0a-3c7e-4f0c-9d43-0d6b1f2a9c55', memory_mb: 256 },
      inputs: { stdin: 'Rivers are long.', args: ['--words'] },
    },
  },
};
