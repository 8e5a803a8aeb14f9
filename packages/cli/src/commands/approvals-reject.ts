import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defineDecision } from '../decision.ts';

export const define = (command: Command, cli: Cli): void => defineDecision(command, cli, 'reject');
