export { abandon, type Client, newClient, newPool } from './client.ts';
export { Database, type DatabaseAddress, type DatabaseOptions } from './database.ts';
export { migrate, migrationState, readMigrations } from './migrations.ts';
export { dumpSchema } from './schema-dump.ts';
export { type ConstraintErrors, isDatabaseAway } from './sql-errors.ts';
export { bind, type SqlValue, type Statement, statement } from './statement.ts';
export type { Tx, TxScope } from './transaction.ts';
