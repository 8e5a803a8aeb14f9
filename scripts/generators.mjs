import { renderConfiguration } from './render-configuration.ts';
import { renderModelPrices } from './render-model-prices.ts';
import { renderOpenApi } from './render-openapi.ts';
import { renderPermissions } from './render-permissions.ts';
import { protobufGenerators } from './render-protobuf.ts';
import { renderSchema } from './render-schema.ts';
import { renderWorkflowNodes } from './render-workflow-nodes.ts';

/**
 * Every checked-in file that a program writes. `render` returns the whole content, the same on every machine.
 *
 * @typedef {{ path: string, render: () => Promise<string> }} Generator
 * @type {readonly Generator[]}
 */
export const generators = [
  { path: 'packages/contract/openapi.json', render: renderOpenApi },
  { path: 'packages/server/db/schema.sql', render: renderSchema },
  { path: 'docs/reference/configuration.md', render: renderConfiguration },
  { path: 'docs/reference/permissions.md', render: renderPermissions },
  { path: 'docs/reference/workflow-nodes.md', render: renderWorkflowNodes },
  { path: 'packages/server/src/modules/metering/prices/vendored-prices.json', render: renderModelPrices },
  ...protobufGenerators(),
];
