import { setting } from './setting.ts';
import { matching, secret } from './setting-readers.ts';

const ADDRESS = String.raw`(nats|tls):\/\/[^\s,]+`;

/** How processes tell each other that there may be something new. */
export const BUS = {
  natsUrl: setting({
    flag: 'nats-url',
    toml: 'nats.url',
    env: 'ASSAY_NATS_URL',
    fallback: '',
    help: 'NATS with JetStream that carries signals between processes, nats://user:password@host:4222 or tls://…, several of one cluster separated by commas; without it the database carries them.',
    isSecret: true,
    read: secret(
      matching(
        new RegExp(`^${ADDRESS}(,${ADDRESS})*$`),
        'must be addresses of the form nats://user:password@host:4222',
      ),
    ),
  }),
  natsPrefix: setting({
    flag: 'nats-prefix',
    toml: 'nats.prefix',
    env: 'ASSAY_NATS_PREFIX',
    fallback: 'assay',
    help: 'What the subject and the stream on NATS are named by; installations that share a NATS have one each.',
    read: matching(/^[\w-]{1,40}$/, 'must be 1 to 40 letters, digits, dashes and underscores'),
  }),
} as const;
