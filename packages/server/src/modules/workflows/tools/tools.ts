import type { JsonObject } from '../model.ts';
import { ffmpeg } from './ffmpeg.ts';
import { git } from './git.ts';
import { jq } from './jq.ts';
import type { Tool } from './model.ts';

/** Every tool that Assay knows. Those are there whose program a runner has. */
export const TOOLS: readonly Tool[] = [jq, ...git, ...ffmpeg];

const BY_OPERATION = new Map(TOOLS.map((tool) => [tool.operation, tool]));

export const findTool = (operation: string): Tool | undefined => BY_OPERATION.get(operation);

/** A schema for arguments of which some are given later. */
export const withoutRequired = ({ required: _, ...schema }: JsonObject): JsonObject => schema;
