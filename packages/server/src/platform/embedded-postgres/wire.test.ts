import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { message, readMessages, ServerError, startupPacket } from './wire.ts';

async function typesAndBodies(...chunks: Buffer[]): Promise<string[]> {
  const read: string[] = [];
  for await (const { type, body } of readMessages(Readable.from(chunks))) read.push(`${type}:${body.toString()}`);
  return read;
}

test('messages are cut apart wherever the stream was', async () => {
  const stream = Buffer.concat([message('D', 'first'), message('Z'), message('d', 'third')]);
  const bytes = Array.from(stream, (byte) => Buffer.from([byte]));
  expect(await typesAndBodies(stream)).toEqual(['D:first', 'Z:', 'd:third']);
  expect(await typesAndBodies(...bytes)).toEqual(['D:first', 'Z:', 'd:third']);
});

test('a message that is cut off is not handed on', async () => {
  expect(await typesAndBodies(message('D', 'whole'), message('D', 'partial').subarray(0, 8))).toEqual(['D:whole']);
});

test('the start-up packet has a length, the protocol and the parameters, and no type', () => {
  const packet = startupPacket({ user: 'assay' });
  expect(packet.readInt32BE(0)).toBe(packet.length);
  expect(packet.readInt32BE(4)).toBe(196_608);
  expect(packet.subarray(8).toString()).toBe('user\0assay\0\0');
});

test('an error keeps its code and its message', () => {
  const error = new ServerError(Buffer.from('SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0'));
  expect(error).toMatchObject({ code: '57P03', message: 'the database system is starting up' });
});
