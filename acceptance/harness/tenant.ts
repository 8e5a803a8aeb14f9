import { randomUUID } from 'node:crypto';
import { controlRoutes } from '@assay/contract';
import { inDatabase } from './database.ts';
import type { Server } from './server.ts';

/** An organization beside the first one, with an owner and a full-access key of its own. */
export type Tenant = { orgId: string; email: string; password: string; apiKey: string };

/**
 * Adds an organization. No route makes one yet, so its rows are written into the database; the key is one that the
 * API made, handed over before its first use, and the owner's password is that of the first owner.
 */
export async function addTenant(server: Server, name: string): Promise<Tenant> {
  const made = await server.as().post('/v1/api-keys', { name: `Key of ${name}`, permission_set: 'full_access' });
  const { api_key, raw_key } = controlRoutes.createApiKey.answers[201].schema.parse(made.body).data;
  const orgId = randomUUID();
  const email = await addMember(server, { orgId, name, role: 'owner', isNew: true });
  await inDatabase(server, async (client) => {
    await client.query('set role assay_system');
    await client.query(
      'update api_keys set org_id = $1, created_by = (select id from users where email = $2) where id = $3',
      [orgId, email, api_key.id],
    );
  });
  return { orgId, email, password: server.credentials.password, apiKey: raw_key };
}

type Member = { orgId: string; name: string; role: string; isNew?: boolean };

/** Adds a person to an organization, who signs in with the first owner's password; gives the e-mail address. */
export async function addMember(server: Server, { orgId, name, role, isNew = false }: Member): Promise<string> {
  const email = `${role}@${name}.example`;
  await inDatabase(server, async (client) => {
    await client.query('set role assay_system');
    if (isNew) await client.query('insert into organizations (id, name, slug) values ($1, $2, $2)', [orgId, name]);
    const userId = randomUUID();
    await client.query(
      'insert into users (id, email, name, password_hash) select $1, $2, $3, password_hash from users where email = $4',
      [userId, email, role, server.credentials.email],
    );
    await client.query('insert into memberships (org_id, user_id, role) values ($1, $2, $3)', [orgId, userId, role]);
  });
  return email;
}
