import { createRequire } from 'node:module';

/** The version of this release, as the manifest says it. */
export const RELEASE: string = (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
