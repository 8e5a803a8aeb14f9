/**
 * The baseline of a governed read: Fastify with its defaults and one prepared statement, in a process of its own. It
 * answers what an evaluation's status answers, from a table with nothing but that in it.
 */
import type { AddressInfo } from 'node:net';
import fastify from 'fastify';
import pg from 'pg';
import { serveParent } from '../product/child-program.ts';
import { API_CONNECTIONS } from './set-up.ts';

const FIND = {
  name: 'find',
  text: `select eval_id, status, created_at, completed_at, output, error, success, exit_code, runtime_ms, output_truncated,
    metadata from bench_answers where eval_id = $1`,
};

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: API_CONNECTIONS });
const app = fastify();
app.get<{ Params: { id: string } }>('/answers/:id', async ({ params }, reply) => {
  const { rows } = await pool.query({ ...FIND, values: [params.id] });
  return rows[0] ?? reply.code(404).send({ error: 'There is no such answer.' });
});
await app.listen({ host: '127.0.0.1', port: 0 });
const { port } = app.server.address() as AddressInfo;
serveParent({ url: `http://127.0.0.1:${port}` } satisfies PeerReady);

export type PeerReady = { url: string };
