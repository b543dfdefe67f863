import { startHttpServer } from '../../infra/local/http/http-server.ts';
import { createQueryRoute } from '../../infra/local/http/query-route.ts';
import { openQueryApi } from '../../infra/local/open-query-api.ts';
import { openDatabase } from '../../lib/database/open-local.ts';

// Serves the query API as the local cloud does, without the other parts of the local cloud, and prints the port.
const [, , databaseUrl = ''] = process.argv;
// Exits when standard input ends, so this process does not outlive its parent process.
process.stdin.once('end', () => process.exit()).resume();
const { queries, uses } = await openDatabase('', databaseUrl);
const api = openQueryApi({
  queries,
  jobs: uses.jobs,
  tokenKeys: [Buffer.alloc(32, 1)],
  fetchPayload: () => Promise.reject(new Error('no payloads')),
});
const route = createQueryRoute(
  async () => api,
  () => {
    throw new Error('the benchmark signs no requests');
  },
);
const { port } = await startHttpServer({ host: '127.0.0.1', port: 0, routes: [route] });
console.log(JSON.stringify({ port }));
