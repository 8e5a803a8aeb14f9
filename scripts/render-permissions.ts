import { allRoutes } from '@assay/contract';
import { allRpcs } from '@assay/contract/grpc';
import type { Core } from '../packages/server/src/compose/core.ts';
import { composeOperations, listOperations } from '../packages/server/src/compose/operations.ts';
import { MEMBER_ROLES } from '../packages/server/src/kernel/principal.ts';
import { coverage, KEY_TEMPLATES, ROLE_SCOPES, SCOPES } from '../packages/server/src/modules/access/index.ts';

/** What operations are made over when they are listed, not run: nothing. */
const NOTHING = {
  config: { role: new Set(), dataDir: '.', queueSeconds: 1 },
  accounts: {},
  singleSignOn: { providers: {}, domains: {}, sso: {} },
  passkeys: {},
};

/** Every operation, made over nothing. */
export const declaredOperations = () => listOperations(composeOperations(NOTHING as unknown as Core));

const MARKS = { all: '●', own: '○', none: '' } as const;
const mark = (held: Iterable<string>, scope: string): string => MARKS[coverage(new Set(held), scope)];

/** The reference of scopes, roles and the operations that need them. */
export async function renderPermissions(): Promise<string> {
  const scopes = Object.entries(SCOPES).map(([scope, sentence]) => {
    const roles = MEMBER_ROLES.map((role) => mark(ROLE_SCOPES[role], scope));
    const templates = Object.values(KEY_TEMPLATES).map((held) => mark(held, scope));
    return `| \`${scope}\` | ${sentence} | ${[...roles, ...templates].join(' | ')} |`;
  });
  const operations = declaredOperations()
    .sort((a, b) => a.name.localeCompare(b.name))
    .map(({ name, scope, narrows, effect, rate, audit, summary }) => {
      const routes = allRoutes
        .filter(({ operation }) => operation === name)
        .map(({ method, path }) => `\`${method} ${path}\``);
      const rpcs = allRpcs
        .filter(({ operation }) => operation === name)
        .map(({ method }) => `\`${method.parent.name}.${method.name}\``);
      const action = audit === null ? '–' : audit === 'own' ? 'by itself' : `\`${audit.action}\``;
      return `| \`${name}\` | ${summary} | \`${scope}\`${narrows ? ' or `:own`' : ''} | ${effect} | ${rate} | ${action} | ${[...routes, ...rpcs].join('<br>')} |`;
    });
  const columns = [...MEMBER_ROLES, ...Object.keys(KEY_TEMPLATES)];
  return [
    '# Permissions',
    '',
    '## Scopes, and who holds them',
    '',
    'Member roles form one ladder; key templates are sets to choose from, always cut to what the creator holds. ● the',
    'whole scope, ○ the part of it that ends in `:own`.',
    '',
    `| Scope | Allows to | ${columns.join(' | ')} |`,
    `| --- | --- | ${columns.map(() => ':-:').join(' | ')} |`,
    ...scopes,
    '',
    '## Operations',
    '',
    'Everything that can be done, whichever way it is called. *Effect* decides what billing posture allows: `create`',
    'needs an active organization, `read` and `wind_down` never do.',
    '',
    '| Operation | What it does | Scope | Effect | Rate limit | Audited as | Routes, and methods over gRPC |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...operations,
    '',
  ].join('\n');
}
