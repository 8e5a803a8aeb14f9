import { z } from 'zod';

/** Headers that belong to the connection, or that this server writes itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

const HeaderName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'the name of a header')
  .refine((name) => !OWN_HEADERS.has(name.toLowerCase()), 'this header is not yours to set');
const Status = z.int().min(200).max(599);

/** What a node asks another service. */
export const HttpConfig = z.strictObject({
  method: z
    .enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])
    .default('GET')
    .meta({ description: 'What is done there.' }),
  url: z.string().min(1).max(4_000).meta({
    description:
      'Where it goes; `{{name}}` stands for an input, as one step of the path or one value of the query. The host is written out.',
  }),
  query: z
    .record(z.string().min(1).max(200), z.string().max(2_000))
    .default({})
    .meta({ description: 'Added to the address; `{{name}}` stands for an input.' }),
  headers: z.record(HeaderName, z.string().max(4_000)).default({}).meta({
    description: '`{{name}}` stands for an input, and `{{secret:NAME}}` for a secret of the organization.',
  }),
  idempotency_header: HeaderName.nullable()
    .default('Idempotency-Key')
    .meta({ description: 'Carries the same value in each attempt of the node, except for GET and HEAD.' }),
  expect: z
    .array(Status)
    .max(50)
    .default([])
    .meta({ description: 'Statuses that are an answer; any of 200 to 299 unless given. Others are a failure.' }),
  retry_on: z
    .array(Status)
    .max(50)
    .default([408, 425, 429, 500, 502, 503, 504])
    .meta({ description: 'Failures that another attempt may mend, within `policy.retries`.' }),
  most_bytes: z.int().min(1).max(1_048_576).default(262_144).meta({ description: 'Longer answers are a failure.' }),
});
