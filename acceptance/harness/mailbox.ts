import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { until } from './until.ts';

/** A mail as it came over the wire. */
export type Delivered = { from: string; to: string[]; raw: string };

/** A mail server on this machine that keeps what it is given, and can be told to refuse. */
export class Mailbox implements AsyncDisposable {
  readonly #server: SMTPServer;
  readonly delivered: Delivered[] = [];
  /** Addresses whose next mail is refused for now, as a server that is busy does. */
  readonly busyFor = new Set<string>();

  private constructor() {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS', 'AUTH'],
      onData: (stream, session, done) => {
        text(stream).then((raw) => {
          const { mailFrom, rcptTo } = session.envelope;
          if (rcptTo.some(({ address }) => this.busyFor.delete(address))) {
            return done(Object.assign(new Error('Busy, try later.'), { responseCode: 451 }));
          }
          this.delivered.push({
            from: mailFrom === false ? '' : mailFrom.address,
            to: rcptTo.map(({ address }) => address),
            raw,
          });
          return done();
        }, done);
      },
    });
  }

  static async open(): Promise<Mailbox> {
    const mailbox = new Mailbox();
    mailbox.#server.listen(0, '127.0.0.1');
    await once(mailbox.#server.server, 'listening');
    return mailbox;
  }

  get url(): string {
    return `smtp://127.0.0.1:${(this.#server.server.address() as AddressInfo).port}`;
  }

  /** The first mail to an address whose text is the one looked for, with the text as its reader sees it. */
  mailTo(address: string, isWanted: (text: string) => boolean = () => true): Promise<Delivered & { text: string }> {
    const find = () =>
      this.delivered
        .filter(({ to }) => to.includes(address))
        .map((mail) => ({ ...mail, text: readable(mail.raw) }))
        .find(({ text: shown }) => isWanted(shown));
    return until(`a mail to ${address}`, find, 60_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(resolve));
  }
}

/** The text of a mail of one part, in whichever of the two encodings it came (RFC 2045, section 6). */
function readable(raw: string): string {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  if (/^content-transfer-encoding: base64/im.test(head)) return Buffer.from(body, 'base64').toString();
  if (!/^content-transfer-encoding: quoted-printable/im.test(head)) return body;
  return body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
