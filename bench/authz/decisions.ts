import { AbilityBuilder, createMongoAbility, type MongoAbility } from '@casl/ability';
import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import { ANONYMOUS, MEMBER_ROLES, type Principal } from '../../packages/server/src/kernel/principal.ts';
import { decide, ROLE_SCOPES, SCOPES } from '../../packages/server/src/modules/access/index.ts';
import type { Report } from '../measure/report.ts';
import { ratio, verdict } from '../measure/table.ts';
import { type Length, timeInTurns } from './timing.ts';

const BAR_US = 20;
const NOW = new Date();

/** The scopes of our catalogue as subject and verb, for engines that know them so. */
const ASKED = Object.keys(SCOPES)
  .filter((scope) => !scope.endsWith(':own'))
  .map((scope) => {
    const [subject = '', verb = ''] = scope.split(':');
    return { scope, subject, verb };
  });

const CASBIN_MODEL = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`;

/** The same questions, of the same roles with the same permissions, to each engine. */
export async function measureDecisions(report: Report, length: Length): Promise<void> {
  const principals = MEMBER_ROLES.map(
    (role): Principal => ({
      ...ANONYMOUS,
      kind: 'user',
      id: `member-${role}`,
      orgId: 'organization' as never,
      role,
      scopes: ROLE_SCOPES[role],
      source: { kind: 'role', name: role },
    }),
  );
  const enforcer = await casbinOf();
  const abilities = MEMBER_ROLES.map(abilityOf);
  const pick = (index: number) => {
    const asked = ASKED[index % ASKED.length] ?? ASKED[0];
    const who = index % principals.length;
    if (!asked) throw new Error('The catalogue has no scopes.');
    return { asked, who };
  };
  const acts = {
    assay: (index: number) => {
      const { asked, who } = pick(index);
      const operation = { name: 'a.b.c', scope: asked.scope, effect: 'create', narrows: true } as const;
      return decide(principals[who] as Principal, operation, NOW).allowed;
    },
    casl: (index: number) => {
      const { asked, who } = pick(index);
      return (abilities[who] as MongoAbility).can(asked.verb, asked.subject);
    },
    casbin: (index: number) => {
      const { asked, who } = pick(index);
      return enforcer.enforceSync(`member-${MEMBER_ROLES[who]}`, asked.subject, asked.verb);
    },
  };
  assertAgree(acts);
  const us = await timeInTurns(acts, length);
  report.keep('decision microseconds', us);
  report.table({
    title: 'S11: one decision in process, microseconds',
    columns: ['', 'µs', 'beside ours', 'bar'],
    rows: [
      ['Assay, with posture, reason and the grant that decided', us.assay, '', verdict(us.assay <= BAR_US)],
      ['@casl/ability, can()', us.casl, ratio(us.casl, us.assay), ''],
      ['casbin, enforceSync() of a role model', us.casbin, ratio(us.casbin, us.assay), ''],
    ],
    note: `Five roles and ${ASKED.length} permissions, the same questions to each; all give the same answers.`,
  });
}

async function casbinOf() {
  const lines = MEMBER_ROLES.flatMap((role) => [
    `g, member-${role}, ${role}`,
    ...[...ROLE_SCOPES[role]]
      .filter((scope) => !scope.endsWith(':own'))
      .map((scope) => `p, ${role}, ${scope.replace(':', ', ')}`),
  ]);
  return newEnforcer(newModelFromString(CASBIN_MODEL), new StringAdapter(lines.join('\n')));
}

function abilityOf(role: (typeof MEMBER_ROLES)[number]): MongoAbility {
  const { can, build } = new AbilityBuilder<MongoAbility>(createMongoAbility);
  for (const scope of ROLE_SCOPES[role]) {
    const [subject = '', verb = '', own] = scope.split(':');
    if (own === undefined) can(verb, subject);
  }
  return build();
}

/** A figure of an engine that answers something else says nothing. Ours also allows what is the caller's own. */
function assertAgree(acts: Record<'assay' | 'casl' | 'casbin', (index: number) => unknown>): void {
  const whole = { ...acts };
  for (let index = 0; index < ASKED.length * MEMBER_ROLES.length; index++) {
    const [casl, casbin] = [whole.casl(index), whole.casbin(index)];
    if (casl !== casbin) throw new Error(`CASL and casbin disagree about question ${index}.`);
    if (casl === true && whole.assay(index) !== true) throw new Error(`We refuse what the others allow: ${index}.`);
  }
}
