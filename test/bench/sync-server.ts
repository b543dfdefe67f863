import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServiceApi } from '../../functions/service-api.ts';
import { createServiceRoute } from '../../infra/local/http/aws-routes.ts';
import { startHttpServer } from '../../infra/local/http/http-server.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createPushInbox } from '../../infra/local/push-inbox.ts';
import { createLogger } from '../../lib/aws/telemetry.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { openPglite } from '../../lib/database/drivers/pglite/open-pglite.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import { createTemporaryCredentials } from '../../lib/identity/temporary-credentials.ts';
import { createSyncOperations } from '../../lib/sync/create-sync-operations.ts';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { createBulkPublishJobStore } from '../../lib/sync/store/bulk-publish-job-store.ts';
import { createPoolStore } from '../../lib/sync/store/pool-store.ts';
import { createPushStore } from '../../lib/sync/store/push-store.ts';
import { createSyncStore } from '../../lib/sync/store/sync-store.ts';
import { createFindCredentials } from '../../lib/wire/find-credentials.ts';
import { createAnswerEvent } from '../../lib/wire/lambda/answer-event.ts';
import type { HttpResult } from '../../lib/wire/lambda/write-result.ts';
import { createFindApi } from '../../lib/wire/service/find-api.ts';
import { createSigV4Verifier } from '../../lib/wire/sigv4.ts';
import { createSourceAddresses } from '../../lib/wire/source-address.ts';
import { createSyncApi } from '../../lib/wire/sync-api.ts';
import { functionUrlEvent } from '../fixtures/aws/lambda-events.ts';
import { createPool } from '../fixtures/identity/identity-pools.ts';
import { createBareEndpoint } from './bare-endpoint.ts';

// A process separate from the client: `sync-server.ts <database: URL or directory>`. Serves the Cognito Sync API on one
// port and the bare endpoint on another, over the same database, and prints both ports.
const [, , location = ''] = process.argv;
// Exits when standard input ends, so this process does not outlive its parent process.
process.stdin.once('end', () => process.exit()).resume();
const database = location.startsWith('postgres:')
  ? openPg({ connectionString: location, maxConnections: 8 })
  : await openPglite({ dataDir: location });
await migrate(database);

const key = Buffer.alloc(32, 1);
await createPool(database);
const operations = createSyncOperations({
  store: createSyncStore(database),
  pools: createPoolStore(database),
  bulkPublishes: createBulkPublishJobStore(database),
  tokens: createSessionTokens({ keys: [key], now: Date.now, randomId: randomUUID }),
  payloadLinks: createPayloadLinks({
    keys: [key],
    origin: () => 'http://127.0.0.1',
    now: Date.now,
    randomId: randomUUID,
  }),
  push: {
    devices: createPushStore(database),
    channel: createPushInbox({ randomId: randomUUID }),
    maxWaitMs: 300,
    sleep: async () => undefined,
    report: () => undefined,
    onDisabled: () => undefined,
  },
  now: Date.now,
  streamExists: async () => true,
});
const verify = createSigV4Verifier({
  region: 'us-east-1',
  findCredentials: createFindCredentials({
    developers: [DEFAULT_CREDENTIALS],
    accountId: '000000000000',
    temporary: createTemporaryCredentials({ keys: [key], now: Date.now, randomId: randomUUID }),
  }),
  now: Date.now,
});
const syncApi = createSyncApi({
  operations,
  verify,
  requestId: randomUUID,
  logger: createLogger('bench'),
});
const findApi = createFindApi({ syncApi });
const answering = { findApi, acceptsOrigin: () => true };
const serviceApi = createServiceApi(
  createAnswerEvent({
    service: { use: (work) => work(answering), useLatest: (work) => work(answering) },
    sources: createSourceAddresses([]),
    logger: createLogger('bench'),
    reportServerError: () => undefined,
  }),
  createLogger('bench'),
);
const service = await startHttpServer({
  host: '127.0.0.1',
  port: 0,
  routes: [createServiceRoute(findApi)],
});
const bare = await listen(createServer(await createBareEndpoint(database)));
const handler = await listen(createServer(invokeHandler));
console.log(JSON.stringify({ service: service.port, bare, handler }));

/** Invokes the function `service-api` as a function URL does: event and result pass through JSON. */
async function invokeHandler(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = '', url: target = '', headers, socket } = request;
  const body = Buffer.concat(await request.toArray());
  const sent = { method, target, headers: Object.entries(headers).map(toLine), body };
  const event = JSON.stringify(functionUrlEvent(sent, { sourceIp: socket.remoteAddress ?? '' }));
  const context = createLambdaContext('service-api', 'us-east-1');
  const result = JSON.stringify(await serviceApi(JSON.parse(event), context));
  const { statusCode, headers: given, body: text }: HttpResult = JSON.parse(result);
  response.writeHead(statusCode, given).end(text);
}

function toLine([name, value]: [string, string | string[] | undefined]): [string, string] {
  return [name, String(value)];
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
