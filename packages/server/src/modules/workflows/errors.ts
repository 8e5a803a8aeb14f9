import { defineErrors } from '../../kernel/errors.ts';

export const definitionErrors = defineErrors('workflow_definition', {
  not_found: 'not_found',
  invalid: 'invalid',
  secret_not_yours: 'denied',
  archived: 'conflict',
});

/** A run has spent its budget, or what is left of it is too little for a node: its code, as metering gives it. */
export const OUT_OF_BUDGET = 'budget.of_run_exceeded';

export const contextErrors = defineErrors('workflow_context', {
  no_such_path: 'invalid',
  not_a_container: 'invalid',
  too_large: 'invalid',
  no_room: 'too_large',
  not_stored: 'unavailable',
  not_there: 'unavailable',
  in_use: 'conflict',
});

export const expressionErrors = defineErrors('expression', {
  failed: 'invalid',
  too_slow: 'invalid',
  too_much: 'invalid',
});

export const nodeErrors = defineErrors('workflow_node', {
  does_not_fit: 'invalid',
  no_list: 'invalid',
  no_object: 'invalid',
  no_input: 'invalid',
  not_in_address: 'invalid',
  not_in_header: 'invalid',
  no_secret: 'not_found',
  too_deep: 'invalid',
  child_gone: 'not_found',
  nothing_to_ask: 'invalid',
  maker_gone: 'denied',
  not_found: 'not_found',
  not_human: 'conflict',
  not_waiting: 'conflict',
  not_assigned: 'denied',
  already_decided: 'conflict',
  past_deadline: 'conflict',
  too_late: 'deadline',
  unknown_operation: 'unimplemented',
  superseded: 'conflict',
  missing_capability: 'unavailable',
  bad_input: 'invalid',
  no_json: 'precondition',
  output_too_large: 'too_large',
  evaluation_gone: 'not_found',
});

export const runErrors = defineErrors('workflow_run', {
  not_found: 'not_found',
  input_invalid: 'invalid',
  already_started: 'conflict',
  ended: 'conflict',
  not_running: 'conflict',
  not_paused: 'conflict',
  not_failed: 'conflict',
  no_limit_of_keys: 'invalid',
  key_too_long: 'invalid',
});

export const jobErrors = defineErrors('job', {
  not_found: 'not_found',
  ended: 'conflict',
  not_failed: 'conflict',
});

export const scheduleErrors = defineErrors('workflow_schedule', {
  not_found: 'not_found',
  invalid: 'invalid',
  name_taken: 'conflict',
  too_many: 'conflict',
  not_due: 'conflict',
  not_permitted: 'denied',
});
