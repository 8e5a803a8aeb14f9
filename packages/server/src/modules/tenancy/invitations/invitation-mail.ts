import type { Mail } from '../../../platform/mail/mailer.ts';

/** What an invited person reads. The organization's name is its members' to choose: no line break of theirs gets in. */
export function invitationMail(of: { to: string; organization: string; link: string; days: number }): Mail {
  const name = of.organization.replace(/\p{Cc}+/gu, ' ');
  return {
    to: of.to,
    subject: `Invitation to ${name}`,
    text: [
      `You are invited to join "${name}" on Assay.`,
      '',
      'Accept or decline here:',
      of.link,
      '',
      `The link works once, for ${of.days} days, and only for this address. If you did not expect it, ignore it.`,
      '',
    ].join('\n'),
  };
}
