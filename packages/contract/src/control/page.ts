import { z } from 'zod';

/** What every list of `control` takes. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50).meta({ description: 'Most items of a page.' }),
  cursor: z
    .string()
    .max(500)
    .optional()
    .meta({ description: 'Where to go on: it is in `links.next` of the page before.' }),
});
