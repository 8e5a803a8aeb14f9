import type { Transporter } from 'nodemailer';
import type { Sensitive } from '../../kernel/sensitive.ts';
import type { Mail } from './mailer.ts';

/** Hands one mail to a mail server. Resolves when that has taken it. */
export type MailTransport = { deliver(mail: Mail): Promise<void>; close(): void };

/** A server that does not answer must not hold a mail longer than the minute for which it is claimed. */
const TIMEOUT_MS = 15_000;

/** Sends by SMTP (RFC 5321) to the server of an `smtp://` or `smtps://` address, with STARTTLS where it offers it. */
export function smtpTransport({ url, from }: { url: Sensitive<string>; from: string }): MailTransport {
  let opened: Promise<Transporter> | null = null;
  // Read with the first mail: it takes 4 MB, and many installations send none.
  const open = async (): Promise<Transporter> => {
    const { createTransport } = await import('nodemailer');
    return createTransport({
      url: url.reveal(),
      connectionTimeout: TIMEOUT_MS,
      greetingTimeout: TIMEOUT_MS,
      socketTimeout: TIMEOUT_MS,
      // What is sent is text of our own: nothing in it names a file or an address to fetch.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  };
  return {
    async deliver({ to, subject, text }) {
      opened ??= open();
      const transport = await opened;
      await transport.sendMail({
        from,
        to: { name: '', address: to },
        subject,
        text,
        headers: { 'Auto-Submitted': 'auto-generated' },
      });
    },
    close: () => void opened?.then((transport) => transport.close()),
  };
}
