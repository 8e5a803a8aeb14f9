import { inDatabase } from './database.ts';
import type { Server } from './server.ts';

/** Every row of every table, as text; what is binary shows in hexadecimal. */
const everyRow = (server: Server): Promise<string> =>
  inDatabase(server, async (sql) => {
    await sql.query('set role assay_system');
    const { rows: tables } = await sql.query<{ name: string }>(
      `select c.relname as name from pg_class c
       where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and has_table_privilege(c.oid, 'select')`,
    );
    const texts: string[] = [];
    for (const { name } of tables) {
      const { rows } = await sql.query<{ row: string }>(`select t::text as row from ${name} t`);
      texts.push(...rows.map(({ row }) => row));
    }
    return texts.join('\n');
  });

/** How a word would lie in the database in clear: the forms of it that are there. */
export async function storedForms(server: Server, word: string): Promise<string[]> {
  const rows = await everyRow(server);
  if (rows.length < 1_000) throw new Error('Hardly anything is stored: this says nothing.');
  const forms = [word, Buffer.from(word).toString('hex'), Buffer.from(word).toString('base64').slice(0, 32)];
  return forms.filter((form) => rows.includes(form));
}
