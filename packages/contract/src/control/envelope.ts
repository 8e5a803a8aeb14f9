import { z } from 'zod';

const Meta = z.object({
  request_id: z.string(),
  trace_id: z.string(),
  timestamp: z.iso.datetime(),
  status: z.int(),
  version: z.literal('1.0'),
});
const Context = z.object({
  principal_id: z.string().nullable(),
  organization_id: z.string().nullable(),
  team_id: z.string().nullable(),
});
const Links = z.object({ self: z.string(), next: z.string().optional() });

/** Fabric's envelope around the data of a successful answer. */
export const enveloped = <Data extends z.ZodType>(data: Data) =>
  z.object({ meta: Meta, context: Context, data, error: z.null(), links: Links });

/** The same envelope around a refusal, with evershell's error object inside. */
export const ControlError = z
  .object({
    meta: Meta,
    context: Context,
    data: z.null(),
    error: z.object({
      code: z.string(),
      message: z.string(),
      request_id: z.string(),
      details: z.record(z.string(), z.unknown()),
    }),
    links: Links,
  })
  .meta({ id: 'ControlError' });
