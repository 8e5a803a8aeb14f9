import { describe, expect, test } from 'vitest';
import { AddressRules } from '../../platform/http-client/index.ts';
import { refuseInnerMedia } from './media-addresses.ts';

const inDialects = (url: string): [string, { [field: string]: unknown }][] => [
  ['chat completions', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }] }],
  ['responses', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] }],
  ['a file of responses', { input: [{ role: 'user', content: [{ type: 'input_file', file_url: url }] }] }],
  ['messages', { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }] }],
  [
    'what a tool answered',
    {
      messages: [
        {
          role: 'user',
          content: [{ type: 'tool_result', content: [{ type: 'document', source: { type: 'url', url } }] }],
        },
      ],
    },
  ],
  [
    'what a tool answered in responses',
    { input: [{ type: 'function_call_output', output: [{ type: 'input_image', image_url: url }] }] },
  ],
  ['our own words', { messages: [{ role: 'user', content: [{ type: 'image', source: { kind: 'url', url } }] }] }],
];
const rules = new AddressRules();

describe('a picture or document by address', () => {
  test.each(inDialects('http://169.254.169.254/latest/meta-data'))('in %s is seen', (_name, asked) => {
    expect(() => refuseInnerMedia(asked, rules)).toThrow(/169\.254\.169\.254.* not a public address/);
  });

  test.each([
    'http://127.0.0.1/',
    'https://10.0.0.7/a.png',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://[::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://localhost:9200/',
    'http://printer/',
    'http://metadata.google.internal/computeMetadata/v1/',
    'http://METADATA.google.internal./',
    'https://nas.local/a.png',
    'file:///etc/passwd',
    'ftp://example.com/a.png',
    'gopher://example.com/',
  ])('at %s is refused', (url) => {
    for (const [, asked] of inDialects(url))
      expect(() => refuseInnerMedia(asked, rules)).toThrow(/not a public address/);
  });

  test.each([
    'https://example.com/a.png',
    'http://example.com/a.png',
    'https://93.184.215.14/a.png',
    'data:image/png;base64,aGk=',
    'gs://bucket/a.png',
    'file-abc123',
  ])('at %s goes on to the provider', (url) => {
    for (const [, asked] of inDialects(url)) expect(() => refuseInnerMedia(asked, rules)).not.toThrow();
  });

  test('may lie where the operator opened the network', () => {
    const opened = new AddressRules(['10.0.0.0/8']);
    for (const [, asked] of inDialects('https://10.0.0.7/a.png'))
      expect(() => refuseInnerMedia(asked, opened)).not.toThrow();
  });

  test('is not looked for in words', () => {
    const asked = { messages: [{ role: 'user', content: 'See http://127.0.0.1/' }], input: null };
    expect(() => refuseInnerMedia(asked, rules)).not.toThrow();
  });
});
