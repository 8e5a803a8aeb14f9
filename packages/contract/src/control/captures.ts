import { z } from 'zod';
import { route } from '../route.ts';
import { enveloped } from './envelope.ts';
import { PageQuery } from './page.ts';

const Redactor = z.enum(['email', 'api_key', 'card_number']);
const Pattern = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9_-]{1,40}$/)
    .meta({ description: 'Stands in the place of what it finds.' }),
  pattern: z
    .string()
    .min(1)
    .max(500)
    .meta({ description: 'In the syntax of RE2: no look-around, no back-references.' }),
});
const Ids = z.array(z.uuid()).max(100);

const Settings = {
  is_on: z.boolean(),
  retention_days: z.int().min(1).max(3650).meta({ description: 'Captures older than this are deleted.' }),
  redactors: z.array(Redactor).max(3).meta({ description: 'What is taken out before anything is stored.' }),
  patterns: z.array(Pattern).max(20).meta({ description: 'The same, by patterns of your own.' }),
  api_key_ids: Ids.meta({ description: 'Only calls by these keys, or of `team_ids`; both empty: all calls.' }),
  team_ids: Ids,
};

export const CapturePolicy = z
  .object({ ...Settings, updated_by: z.string().nullable(), updated_at: z.iso.datetime().nullable() })
  .meta({ id: 'CapturePolicy' });
export type CapturePolicy = z.infer<typeof CapturePolicy>;

export const NewCapturePolicy = z
  .strictObject({
    is_on: Settings.is_on,
    retention_days: Settings.retention_days.default(30),
    redactors: Settings.redactors.default(['email', 'api_key', 'card_number']),
    patterns: Settings.patterns.default([]),
    api_key_ids: Ids.default([]),
    team_ids: Ids.default([]),
  })
  .meta({ id: 'NewCapturePolicy' });
export type NewCapturePolicy = z.infer<typeof NewCapturePolicy>;

const Count = z.int();
export const Capture = z
  .object({
    id: z.uuid().meta({ description: 'That of the usage record of the call.' }),
    at: z.iso.datetime(),
    operation: z.string(),
    provider: z.string(),
    model: z.string(),
    outcome: z.enum(['completed', 'cancelled', 'failed']),
    failure: z.string().nullable(),
    principal: z.object({ kind: z.string(), id: z.string() }),
    api_key_id: z.string().nullable(),
    team_id: z.string().nullable(),
    request_id: z.string().nullable(),
    response_id: z.string().nullable().meta({ description: "The provider's own id of its answer." }),
    input_tokens: Count,
    output_tokens: Count,
    cost_micros: Count.nullable(),
    redactions: Count.meta({ description: 'How many things were taken out.' }),
    is_truncated: z.boolean(),
    size_bytes: Count,
  })
  .meta({ id: 'Capture' });
export type Capture = z.infer<typeof Capture>;

export const CaptureContent = z
  .object({
    request: z.unknown().meta({ description: 'What was asked, in one form for all dialects.' }),
    answer: z.unknown().meta({ description: 'What came, as far as it came; null where nothing did.' }),
    tries: z.unknown().meta({ description: 'The providers that were asked, and why the first ones did not answer.' }),
  })
  .meta({ id: 'CaptureContent' });

const Identified = z.object({ id: z.string().max(64) });
const OfOrganization = z.object({ id: z.string().max(64), capture_id: z.string().max(64) });
const Moment = z.iso.datetime({ offset: true });
const Name = z.string().min(1).max(200);
const CaptureQuery = PageQuery.extend({
  from: Moment.optional(),
  to: Moment.optional(),
  provider: Name.optional(),
  model: Name.optional(),
  outcome: z.enum(['completed', 'cancelled', 'failed']).optional(),
  api_key: Name.optional(),
  request: Name.optional().meta({ description: 'The `X-Request-Id` of the call.' }),
});
const OnePolicy = enveloped(z.object({ capture_policy: CapturePolicy }));

/** What was asked of models and answered, where an organization keeps it. */
export const captureRoutes = {
  getCapturePolicy: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/capture-policy',
    operation: 'captures.policy.get',
    organization: 'id',
    summary: 'See whether calls to models are captured',
    params: Identified,
    answers: { 200: { description: 'The policy; one that nobody set is off.', schema: OnePolicy } },
  }),
  setCapturePolicy: route({
    surface: 'control',
    method: 'PUT',
    path: '/v1/organizations/{id}/capture-policy',
    operation: 'captures.policy.set',
    organization: 'id',
    summary: 'Say which calls to models are captured, and for how long',
    params: Identified,
    body: NewCapturePolicy,
    answers: { 200: { description: 'The policy. What is left out is set to its default.', schema: OnePolicy } },
  }),
  listCaptures: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/captures',
    operation: 'captures.capture.list',
    organization: 'id',
    summary: 'List captured calls, without what was said',
    params: Identified,
    query: CaptureQuery,
    answers: {
      200: { description: 'A page, newest first.', schema: enveloped(z.object({ captures: z.array(Capture) })) },
    },
  }),
  getCapture: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/captures/{capture_id}',
    operation: 'captures.capture.read',
    organization: 'id',
    summary: 'Read a captured call; the reading is audited',
    params: OfOrganization,
    answers: {
      200: {
        description: 'The call, and what was said.',
        schema: enveloped(z.object({ capture: Capture.extend({ content: CaptureContent }) })),
      },
    },
  }),
  deleteCapture: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}/captures/{capture_id}',
    operation: 'captures.capture.delete',
    organization: 'id',
    summary: 'Delete a capture',
    params: OfOrganization,
    answers: {
      200: {
        description: 'What was deleted, without what was said.',
        schema: enveloped(z.object({ capture: Capture })),
      },
    },
  }),
  deleteCaptures: route({
    surface: 'control',
    method: 'DELETE',
    path: '/v1/organizations/{id}/captures',
    operation: 'captures.capture.delete_all',
    organization: 'id',
    summary: 'Delete all captures, or those from before a moment',
    params: Identified,
    query: z.object({ before: Moment.optional() }),
    answers: { 200: { description: 'How many there were.', schema: enveloped(z.object({ deleted: Count })) } },
  }),
};
