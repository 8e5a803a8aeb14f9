import { z } from 'zod';

/** A schema of the contract as JSON Schema, 2020-12: what callers may write, or what they are given. */
export const jsonSchemaOf = (schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> =>
  z.toJSONSchema(schema, { io, unrepresentable: 'any' });
