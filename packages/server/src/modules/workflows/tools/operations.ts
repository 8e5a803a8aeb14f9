import { operation } from '../../../platform/operation.ts';
import type { Tool } from './model.ts';
import { TOOLS } from './tools.ts';

/** `programs` are those that runners have now. */
export const listTools = (services: { programs(): ReadonlySet<string> }) =>
  operation({
    name: 'workflows.tool.list',
    summary: 'List the tools that nodes of workflows can run: those whose program a runner has.',
    scope: 'workflows:read',
    narrows: true,
    effect: 'read',
    rate: 'control',
    audit: null,
    transaction: 'none',
    async run(): Promise<readonly Tool[]> {
      const programs = services.programs();
      return TOOLS.filter(({ program }) => programs.has(program));
    },
  });
