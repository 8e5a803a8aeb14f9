import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const SubjectKind = z.enum(['organization', 'team', 'api_key']);

const Patterns = z
  .array(
    z
      .string()
      .min(1)
      .max(200)
      .regex(/^[\x21-\x7e]+$/, 'visible ASCII, without spaces'),
  )
  .max(200)
  .nullable();
const Providers = Patterns.meta({
  description: 'Names of providers that may be asked; `*` stands for any text. Null: all. Empty: none.',
});
const Models = Patterns.meta({
  description:
    'Models that may be asked, by the name that their provider knows or by alias; `*` stands for any text. Null: all. Empty: none.',
});
const TokensPerMinute = z
  .int()
  .min(1)
  .max(1_000_000_000)
  .nullable()
  .meta({ description: 'Tokens in and out that calls of the subject may use in a minute, together. Null: no limit.' });
const TeamId = z
  .uuid()
  .toLowerCase()
  .nullable()
  .meta({ description: 'Of a key only: the team that its calls belong to, and no other.' });
const Cache = z
  .strictObject({
    ttl_seconds: z
      .int()
      .min(0)
      .max(2_592_000)
      .meta({ description: 'How long an answer is given again; 0 switches the cache off for this subject.' }),
    include_sampled: z
      .boolean()
      .default(false)
      .meta({ description: 'Also of requests without `seed` whose temperature is not 0.' }),
  })
  .nullable()
  .meta({
    description: 'Whether the same question gets the same answer again. Null leaves it to the next wider policy.',
  });

export const ModelPolicyTerms = z
  .strictObject({
    providers: Providers.default(null),
    models: Models.default(null),
    tokens_per_minute: TokensPerMinute.default(null),
    team_id: TeamId.default(null),
    cache: Cache.default(null),
  })
  .meta({ id: 'ModelPolicyTerms' });
export type ModelPolicyTerms = z.output<typeof ModelPolicyTerms>;

export const ModelPolicy = z
  .object({
    subject: z.object({ kind: SubjectKind, id: z.uuid() }),
    providers: Providers,
    models: Models,
    tokens_per_minute: TokensPerMinute,
    team_id: z.uuid().nullable(),
    cache: z.object({ ttl_seconds: z.int(), include_sampled: z.boolean() }).nullable(),
    updated_by: z.string(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'ModelPolicy' });
export type ModelPolicy = z.infer<typeof ModelPolicy>;

const OfSubject = z.object({ subject_kind: SubjectKind, subject_id: z.string().max(64).toLowerCase() });
const One = enveloped(z.object({ model_policy: ModelPolicy }));
const path = '/v1/model-policies/{subject_kind}/{subject_id}';

/** What calls of models may do. */
export const modelPolicyRoutes = {
  listModelPolicies: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/model-policies',
    operation: 'providers.model_policy.list',
    summary: 'List model policies',
    query: PageQuery,
    answers: {
      200: {
        description: 'A page, by subject.',
        schema: enveloped(z.object({ model_policies: z.array(ModelPolicy) })),
      },
    },
  }),
  getModelPolicy: route({
    surface: 'control',
    method: 'GET',
    path,
    operation: 'providers.model_policy.get',
    summary: 'Get the model policy of the organization, a team or a key',
    params: OfSubject,
    answers: { 200: { description: 'The policy. `ETag` names its version.', schema: One } },
  }),
  setModelPolicy: route({
    surface: 'control',
    method: 'PUT',
    path,
    operation: 'providers.model_policy.set',
    summary: 'Set the model policy of a subject; `If-Match` holds the change to the version you read',
    params: OfSubject,
    body: ModelPolicyTerms,
    answers: { 200: { description: 'The policy as it is now.', schema: One } },
  }),
  deleteModelPolicy: route({
    surface: 'control',
    method: 'DELETE',
    path,
    operation: 'providers.model_policy.delete',
    summary: 'Delete a model policy; it bounds nothing any more',
    params: OfSubject,
    answers: { 200: { description: 'The policy as it was.', schema: One } },
  }),
};
