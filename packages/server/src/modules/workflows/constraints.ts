import type { ConstraintErrors } from '../../platform/db/index.ts';
import { contextErrors, scheduleErrors } from './errors.ts';

/** What a violated constraint means to a caller. */
export const workflowConstraints: ConstraintErrors = {
  workflow_schedules__name: () =>
    scheduleErrors.name_taken('There is a schedule with this name already. Choose another one, or change that one.'),
  workflow_runs__context_asset: () =>
    contextErrors.in_use('This asset is the context of a workflow run. It goes with the run.'),
};
