// Receives webhooks, and prints those whose signature fits: node receiver.mjs SECRET [PORT]
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';

const [, , secret, port = '4444'] = process.argv;
const webhook = new Webhook(secret);

const server = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  try {
    const { type, subject } = webhook.verify(body, request.headers);
    process.stdout.write(`${type} ${subject}\n`);
    response.writeHead(204).end();
  } catch ({ message }) {
    process.stdout.write(`refused: ${message}\n`);
    response.writeHead(401).end();
  }
});
server.listen(Number(port), '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${server.address().port}/hook\n`);
});
