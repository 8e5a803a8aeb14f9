import { defineErrors } from '../../kernel/errors.ts';

export const assetErrors = defineErrors('asset', {
  not_found: 'not_found',
  content_missing: 'unavailable',
  too_large: 'too_large',
  type_refused: 'unsupported_media',
  digest_mismatch: 'invalid',
  over_quota: 'too_large',
  cut: 'cancelled',
  changed: 'precondition',
  upload_lost: 'unavailable',
});
