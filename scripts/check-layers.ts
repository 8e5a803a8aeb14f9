import { fileURLToPath } from 'node:url';
import { cruise } from '../architecture/cruise.ts';

/*
 * A cruise that resolves nothing reports no violations. The floor is what tells a clean tree from a blind tool
 * (TypeScript without its JavaScript API, an exclude that swallows sources). Raise it as the tree grows.
 */
const FEWEST_MODULES = 150;

const root = fileURLToPath(new URL('..', import.meta.url));
const { modules, violations } = await cruise(root, ['packages', 'acceptance']);

for (const { rule, comment, from, to } of violations) {
  process.stderr.write(`${rule}: ${from} → ${to}\n  ${comment}\n`);
}
if (modules < FEWEST_MODULES) {
  process.stderr.write(
    `Only ${modules} modules were seen, at least ${FEWEST_MODULES} expected: the cruise is blind.\n`,
  );
}
process.stdout.write(`${modules} modules, ${violations.length} violations\n`);
process.exitCode = violations.length > 0 || modules < FEWEST_MODULES ? 1 : 0;
