import { statement, type Tx } from '../../../platform/db/index.ts';

/** A person as sign-in sees one. `email` is lower case. */
export type Account = {
  id: string;
  email: string;
  name: string;
  passwordHash: string | null;
  createdAt: Date;
  disabledAt: Date | null;
};

type Row = {
  id: string;
  email: string;
  name: string;
  password_hash: string | null;
  created_at: Date;
  disabled_at: Date | null;
};

const COLUMNS = 'id, email, name, password_hash, created_at, disabled_at';
// Service accounts are in the same table, and never sign in.
const byEmail = statement<Row>(
  'accounts.by_email',
  `select ${COLUMNS} from users where email = $1 and kind = 'person'`,
);
const byId = statement<Row>('accounts.by_id', `select ${COLUMNS} from users where id = $1 and kind = 'person'`);
const withPassword = statement<{ id: string }>(
  'accounts.with_password',
  'select id from users where id = $1 and password_hash is not distinct from $2 and disabled_at is null for share',
);
const setPassword = statement<Row>(
  'accounts.set_password',
  `update users set password_hash = $2 where id = $1 and kind = 'person' and disabled_at is null returning ${COLUMNS}`,
);
const setName = statement<Row>('accounts.set_name', `update users set name = $2 where id = $1 returning ${COLUMNS}`);
const setEmail = statement<Row>(
  'accounts.set_email',
  `update users set email = $2 where id = $1 and email = $3 and disabled_at is null returning ${COLUMNS}`,
);
const insert = statement<{ id: string }>(
  'accounts.insert',
  `insert into users (id, email, name, password_hash) values ($1, $2, $3, $4) on conflict (email) do nothing returning id`,
);

const one = (rows: readonly Row[]): Account | null => {
  const [row] = rows;
  if (!row) return null;
  const { id, email, name, password_hash, created_at, disabled_at } = row;
  return { id, email, name, passwordHash: password_hash, createdAt: created_at, disabledAt: disabled_at };
};

export const findAccountByEmail = async (tx: Tx, email: string): Promise<Account | null> =>
  one(await tx.query(byEmail, [email.toLowerCase()]));

export const findAccountById = async (tx: Tx, id: string): Promise<Account | null> => one(await tx.query(byId, [id]));

/** Whether an account has the password that was verified a moment ago; it keeps it until the transaction ends. */
export const hasStillPassword = async (tx: Tx, id: string, passwordHash: string | null): Promise<boolean> =>
  (await tx.query(withPassword, [id, passwordHash])).length > 0;

/** Gives an account another password; null when it is gone or disabled. */
export const changePasswordHash = async (tx: Tx, id: string, passwordHash: string): Promise<Account | null> =>
  one(await tx.query(setPassword, [id, passwordHash]));

export const renameAccount = async (tx: Tx, id: string, name: string): Promise<Account | null> =>
  one(await tx.query(setName, [id, name]));

/** Moves an account to another address; null when it has not the one before any more. */
export const changeEmail = async (tx: Tx, id: string, to: { email: string; from: string }): Promise<Account | null> =>
  one(await tx.query(setEmail, [id, to.email, to.from]));

export type NewAccount = { id: string; email: string; name: string; passwordHash: string | null };

/** Makes an account; false when somebody has the address. */
export const insertAccount = async (tx: Tx, account: NewAccount): Promise<boolean> =>
  (await tx.query(insert, [account.id, account.email, account.name, account.passwordHash])).length > 0;
