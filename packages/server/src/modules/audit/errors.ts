import { defineErrors } from '../../kernel/errors.ts';

export const auditErrors = defineErrors('audit', {
  unknown_column: 'invalid',
  filter_invalid: 'invalid',
  period_invalid: 'invalid',
  too_many_buckets: 'invalid',
  index_beyond_tree: 'invalid',
  leaf_not_found: 'not_found',
  tree_empty: 'not_found',
  not_platform_admin: 'denied',
});
