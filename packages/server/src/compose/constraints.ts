import { assetConstraints } from '../modules/assets/index.ts';
import { evaluationConstraints } from '../modules/evaluations/index.ts';
import { identityConstraints } from '../modules/identity/index.ts';
import { meteringConstraints } from '../modules/metering/index.ts';
import { providerConstraints } from '../modules/providers/index.ts';
import { tenancyConstraints } from '../modules/tenancy/index.ts';
import { vaultConstraints } from '../modules/vault/index.ts';
import { workflowConstraints } from '../modules/workflows/index.ts';
import type { ConstraintErrors } from '../platform/db/index.ts';

/** What a violation of any named constraint means to a caller. */
export const CONSTRAINTS: ConstraintErrors = {
  ...tenancyConstraints,
  ...identityConstraints,
  ...vaultConstraints,
  ...evaluationConstraints,
  ...assetConstraints,
  ...meteringConstraints,
  ...providerConstraints,
  ...workflowConstraints,
};
