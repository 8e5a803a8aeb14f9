import { z } from 'zod';
import { ExecuteRequest } from './provider.ts';

const { provider, model, tier, fallbacks, params } = ExecuteRequest.shape;
const Name = z.string().regex(/^[\w.:@/+-]{1,200}$/, 'letters, digits and any of _ . : @ / + -, at most 200');

/** Tags are kept with each record; one more says which node it was. */
const MOST_TAGS = 15;

/** What a node asks a model. */
export const ChatConfig = z.strictObject({
  provider,
  model,
  tier,
  fallbacks,
  params,
  system: z.string().max(100_000).optional().meta({ description: 'What the model is told before everything else.' }),
  prompt: z.string().min(1).max(100_000).optional().meta({
    description:
      'What it is asked; `{{name}}` stands for an input. Left out, the input `prompt` is asked, or the input `messages` in the form of OpenAI’s Chat Completions.',
  }),
  output: z
    .enum(['text', 'json'])
    .default('text')
    .meta({ description: 'JSON is asked for, read, and given as `value`; an answer that is none is a failure.' }),
  schema: z
    .record(z.string(), z.json())
    .optional()
    .meta({ description: 'What the JSON must fit; a JSON Schema, draft 2020-12.' }),
  billed_to: z
    .strictObject({
      team: z.uuid().optional().meta({ description: 'The id of a team.' }),
      project: Name.optional().meta({ description: 'A project, by the name that you give it.' }),
      agent: Name.optional().meta({ description: 'An agent, by the name that you give it.' }),
      tags: z
        .record(Name, z.string().max(200))
        .refine((tags) => Object.keys(tags).length <= MOST_TAGS, `at most ${MOST_TAGS} tags`)
        .default({})
        .meta({ description: 'Anything else, by name; `node` is there already.' }),
    })
    .prefault({})
    .meta({ description: 'To whom the call is billed beside whoever made the run.' }),
});
