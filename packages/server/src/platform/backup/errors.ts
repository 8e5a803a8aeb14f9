import { defineErrors } from '../../kernel/errors.ts';

/** Every refusal of backup and restore. */
export const backupErrors = defineErrors('backup', {
  nothing_to_back_up: 'precondition',
  external_database: 'precondition',
  unusable_destination: 'invalid',
  unsupported_content: 'precondition',
  failed: 'unavailable',
  not_a_backup: 'invalid',
  damaged: 'invalid',
  wrong_version: 'precondition',
  data_dir_not_empty: 'conflict',
});
