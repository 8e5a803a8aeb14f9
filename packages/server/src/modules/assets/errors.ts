import { defineErrors } from '../../kernel/errors.ts';

export const assetErrors = defineErrors('asset', { not_found: 'not_found', content_missing: 'unavailable' });
