import type { ConstraintErrors } from '../../platform/db/index.ts';
import { scheduleErrors } from './errors.ts';

/** What a violated constraint means to a caller. */
export const workflowConstraints: ConstraintErrors = {
  workflow_schedules__name: () =>
    scheduleErrors.name_taken('There is a schedule with this name already. Choose another one, or change that one.'),
};
