import { z } from 'zod';

/** What a backup is, said by its first member, so that a reader knows before it has read it all. */
export const aboutSchema = z.strictObject({
  format: z.literal('assay-backup'),
  formatVersion: z.literal(1),
  /** The release of Assay that made it. */
  release: z.string(),
  createdAt: z.iso.datetime(),
  /** Null when the database is not in it. */
  postgres: z.strictObject({ major: z.int() }).nullable(),
  notice: z.string(),
});
export type About = z.infer<typeof aboutSchema>;

const memberSchema = z.strictObject({
  path: z.string(),
  kind: z.enum(['file', 'directory', 'link']),
  mode: z.int(),
  size: z.int(),
  /** Of a link. */
  target: z.string(),
  sha256: z.string(),
});
/** One entry of the archive, with the digest of its content. */
export type Member = z.infer<typeof memberSchema>;

/** The last member: every other one, in order. */
export const manifestSchema = z.strictObject({ members: z.array(memberSchema) });

export const ABOUT = 'backup.json';
export const MANIFEST = 'manifest.json';
/** Below it the archive mirrors the data directory. */
export const DATA = 'data';

export const NOTICE =
  'This archive holds database passwords and encryption keys in the clear. Keep it as secret as the data directory.';
