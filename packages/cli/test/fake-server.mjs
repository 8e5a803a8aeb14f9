/*
 * Stands in for the server's program: says where it is, becomes ready after a while, and ends on SIGTERM. Its first
 * argument is its verb; the others choose how it behaves.
 */
import { createServer } from 'node:http';

const [verb, ...behaviour] = process.argv.slice(2);
if (verb !== 'serve') throw new Error('This server can only serve.');
process.stderr.write('a line of the log\n');
if (behaviour.includes('--dies')) {
  process.stderr.write('the disk is full\n');
  process.exit(1);
}
let asked = 0;
const server = createServer((request, response) => {
  if (request.url !== '/readyz') return response.writeHead(404).end();
  asked += 1;
  const isReady = asked > 2 && !behaviour.includes('--never-ready');
  response.writeHead(isReady ? 200 : 503, { 'content-type': 'application/json' });
  const checks = [{ name: 'runners', ok: isReady, detail: isReady ? '1 connected' : 'no runner is connected' }];
  return response.end(JSON.stringify({ status: isReady ? 'ready' : 'not_ready', checks }));
});
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`Assay is ready at http://127.0.0.1:${server.address().port}\n    Password   secret\n`);
});
// As the real one does: it answers no more at once, and ends a little later.
process.on('SIGTERM', () => {
  server.closeAllConnections();
  server.close(() => setTimeout(() => process.exit(0), 200));
});
