import { z } from 'zod';

/* What nodes that run in a sandbox can be told: the same bounds as those of an evaluation over HTTP. */

/** Longest program, characters; it is at most 1 MiB of UTF-8 as well. */
const MAX_CODE = 1 << 20;
const withoutNul = (text: string): boolean => !text.includes('\0');

const OutputPath = z
  .string()
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses.
  .regex(/^(?!\/)(?!(?:.*\/)?\.{0,2}(?:\/|$))[^\\\u0000-\u001f\u007f]{1,255}$/, 'a path below the working directory');

/** What every program may use, and how it is confined. */
const program = {
  engine: z.string().min(1).max(40).default('auto').meta({
    description: 'The weakest isolation that will do: `auto`, or one of GET /api/engines.',
  }),
  engine_strict: z.boolean().default(false).meta({ description: 'Refuse any engine but the one named.' }),
  timeout: z.int().min(1).max(300).default(30).meta({ description: 'Seconds of wall time, once it runs.' }),
  memory_mb: z.int().min(16).max(4096).optional().meta({ description: 'Memory of all its processes.' }),
  cpu: z.number().min(0.1).max(8).optional().meta({ description: 'Cores.' }),
  processes: z.int().min(1).max(1024).optional().meta({ description: 'Processes and threads at once.' }),
  outputs: z.array(OutputPath).max(50).default([]).meta({
    description: 'Files to bring back, `*` and `**` allowed; they become assets.',
  }),
  stdout: z
    .enum(['text', 'json'])
    .default('text')
    .meta({ description: 'How standard output is read: `json` is parsed.' }),
};

export const CodeConfig = z.strictObject({
  language: z
    .string()
    .regex(/^[a-z0-9+#._-]{1,40}$/)
    .meta({ description: 'One of GET /api/languages.' }),
  code: z
    .string()
    .max(MAX_CODE)
    .refine((code) => code.trim() !== '', 'must not be blank')
    .refine(withoutNul, 'must not contain a NUL character')
    .optional()
    .meta({ description: 'The program; left out, the input `code` is it.' }),
  ...program,
});

/** Programs that can be run by themselves, with typed arguments. */
export const TOOL_OPERATIONS = [
  'jq',
  'git.diff',
  'git.apply',
  'git.merge_file',
  'git.hash_object',
  'ffmpeg.convert',
  'ffmpeg.frame',
] as const;

export const ToolConfig = z.strictObject({
  arguments: z.record(z.string(), z.json()).default({}).meta({
    description: 'What fits the schema of the tool at GET /v1/workflow-tools; the input `arguments` is laid over it.',
  }),
  ...program,
});

export const WasmConfig = z.strictObject({
  asset_id: z.uuid().optional().meta({ description: 'The module; left out, the input `module` is it.' }),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional()
    .meta({ description: 'What the module must be, in hex.' }),
  ...program,
});
