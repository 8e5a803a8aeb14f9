import pg from 'pg';
import type { DatabaseAddress } from './database.ts';

/** A server behind a broken network neither accepts nor refuses. */
const CONNECT_MS = 5_000;

/** A connection of its own, outside the pools: for listening, and for libraries that bring their own SQL. */
export const newClient = (address: DatabaseAddress, applicationName: string): pg.Client =>
  new pg.Client({
    ...address,
    application_name: applicationName,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
  });

/** A small pool in the role of the address itself. */
export const newPool = (address: DatabaseAddress, applicationName: string, max: number): pg.Pool =>
  new pg.Pool({ ...address, application_name: applicationName, max });

/**
 * Closes a connection without a word to the other side, who does not answer any more. pg only offers an end that waits for
 * the other side, so that this reaches for the socket below it.
 */
export const abandon = (client: pg.ClientBase): void =>
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();

export type Client = pg.Client;
