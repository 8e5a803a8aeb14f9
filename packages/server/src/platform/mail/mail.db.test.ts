import { randomBytes } from 'node:crypto';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../test/database.ts';
import { until } from '../../../test/until.ts';
import { Sensitive } from '../../kernel/sensitive.ts';
import { type Mail, Outbox } from './mailer.ts';
import { MailSender } from './sender.ts';

const db = testDatabase();
const masterKey = new Sensitive(randomBytes(32));
const MAIL: Mail = { to: 'somebody@example.test', subject: 'A subject', text: 'A secret link' };

const listeners = new Set<() => void>();
const wake = (): void => {
  for (const listener of listeners) listener();
};
const outbox = new Outbox({ masterKey, isConfigured: true, queued: wake });
const send = (mail = MAIL): Promise<void> => db.app.transaction({ orgId: ORG }, async (tx) => outbox.send(tx, mail));
const ORG = '00000000-0000-4000-8000-000000000000';

const waiting = async (): Promise<number> =>
  (await db.owner.query('select count(*)::integer as count from mail_outbox')).rows[0].count;

let delivered: Mail[] = [];
let logged: string[] = [];
const senders: MailSender[] = [];
function sender(deliver: (mail: Mail) => Promise<void>): MailSender {
  const made = new MailSender({
    transport: { deliver, close: () => {} },
    masterKey,
    statements: (work) => db.system.statements({ orgId: null }, work),
    onQueued(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    log: pino({ base: null }, { write: (line: string) => void logged.push(line) }),
  });
  senders.push(made);
  made.start();
  return made;
}
const keep = async (mail: Mail): Promise<void> => void delivered.push(mail);

beforeEach(async () => {
  delivered = [];
  logged = [];
  await db.owner.query('delete from mail_outbox');
});
afterEach(async () => {
  for (const each of senders.splice(0)) await each[Symbol.asyncDispose]();
});

describe('mail', () => {
  test('goes out behind the commit that it tells of, and is then gone from the outbox', async () => {
    sender(keep);
    await send();
    await until('the mail is settled', async () => delivered.length === 1 && (await waiting()) === 0);
    expect(delivered).toEqual([MAIL]);
  });

  test('of an act that did not happen is not sent', async () => {
    sender(keep);
    await expect(
      db.app.transaction({ orgId: ORG }, async (tx) => {
        outbox.send(tx, MAIL);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    await send({ ...MAIL, subject: 'Another' });
    await until('the other is sent', () => delivered.length > 0);
    expect(delivered.map(({ subject }) => subject)).toEqual(['Another']);
  });

  test('lies sealed while it waits, and only background work reads it', async () => {
    await send();
    const { rows } = await db.owner.query('select sealed from mail_outbox');
    expect(rows[0].sealed.includes(Buffer.from('secret'))).toBe(false);
    expect(rows[0].sealed.includes(Buffer.from('somebody'))).toBe(false);
    const { rows: rights } = await db.owner.query(
      `select has_table_privilege('assay_app', 'mail_outbox', 'select') as may`,
    );
    expect(rights).toEqual([{ may: false }]);
  });

  test('is sent by one of several senders', async () => {
    for (let count = 0; count < 3; count++) sender(keep);
    for (let count = 0; count < 20; count++) await send({ ...MAIL, subject: String(count) });
    await until('all are settled', async () => (await waiting()) === 0);
    expect(delivered.map(({ subject }) => Number(subject)).sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
  });

  test('that is refused is tried again later, and names nobody in the log', async () => {
    let refusals = 1;
    sender(async (mail) => {
      if (refusals-- > 0)
        throw Object.assign(new Error(`550 ${mail.to} unknown`), { code: 'EENVELOPE', responseCode: 550 });
      await keep(mail);
    });
    await send();
    await until('it was refused', () => logged.length > 0);
    expect(delivered).toEqual([]);
    expect(logged.join()).toContain('EENVELOPE 550');
    expect(logged.join()).not.toContain('somebody');
    await until('it is put off', async () => {
      const { rows } = await db.owner.query('select next_attempt_at > now() as later, attempts from mail_outbox');
      return rows[0]?.later === true && rows[0].attempts === 1;
    });
    await db.owner.query(`update mail_outbox set next_attempt_at = now()`);
    wake();
    await until('it is sent', () => delivered.length === 1);
  });

  test('that nobody will take is given up in the end, and a human is told', async () => {
    await send();
    await db.owner.query('update mail_outbox set attempts = 18');
    sender(() => Promise.reject(new Error('no')));
    await until('it is given up', async () => (await waiting()) === 0);
    expect(logged.map((line) => JSON.parse(line).level)).toEqual([50]);
  });

  test('of a process that died while sending is sent by another', async () => {
    await send();
    // As a claim leaves it whose process is gone, a minute later.
    await db.owner.query(`update mail_outbox set attempts = 1, next_attempt_at = now() - interval '1 second'`);
    sender(keep);
    await until('it is sent', () => delivered.length === 1);
  });

  test('is nothing to send without a mail server', async () => {
    const silent = new Outbox({ masterKey, isConfigured: false, queued: wake });
    await db.app.transaction({ orgId: ORG }, async (tx) => silent.send(tx, MAIL));
    expect(await waiting()).toBe(0);
  });
});
