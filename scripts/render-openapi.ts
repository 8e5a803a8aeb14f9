import { readFile } from 'node:fs/promises';
import { allRoutes, openApiDocument } from '@assay/contract';

/** The OpenAPI 3.1 document of all surfaces. */
export async function renderOpenApi(): Promise<string> {
  const manifest = await readFile(new URL('../packages/contract/package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const about = { title: 'Assay', version, description: 'A self-hosted control plane for AI work.' };
  return `${JSON.stringify(openApiDocument(allRoutes, about), null, 2)}\n`;
}
