import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { startPort } from '../../infra/local/port.ts';
import { createPushInbox } from '../../infra/local/push-inbox.ts';
import { createSyncApiRoute } from '../../infra/local/sync-api-route.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/config.ts';
import { createTemporaryCredentials } from '../../lib/identity/temporary-credentials.ts';
import { createBulkPublishStore } from '../../lib/store/bulk-publish-store.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { openPg } from '../../lib/store/pg-database.ts';
import { openPglite } from '../../lib/store/pglite-database.ts';
import { createPoolStore } from '../../lib/store/pool-store.ts';
import { createPushStore } from '../../lib/store/push-store.ts';
import { createSyncStore } from '../../lib/store/sync-store.ts';
import { createSyncOperations } from '../../lib/sync/create-sync-operations.ts';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { createLogger } from '../../lib/telemetry.ts';
import { createFindCredentials } from '../../lib/wire/find-credentials.ts';
import { createSigV4Verifier } from '../../lib/wire/sigv4.ts';
import { createSyncApi } from '../../lib/wire/sync-api.ts';
import { createPool } from '../fixtures/identity-pools.ts';
import { createBareEndpoint } from './bare-endpoint.ts';

// A process of its own, beside the one that asks: `sync-server.ts <database: URL or directory>`. Serves the Cognito Sync
// API on one port and the bare endpoint on another, over the same database, and prints both ports.
const [, , where = ''] = process.argv;
// It ends with the one who asks, however that ends.
process.stdin.once('end', () => process.exit()).resume();
const database = where.startsWith('postgres:')
  ? openPg({ connectionString: where, maxConnections: 8 })
  : await openPglite({ dataDir: where });
await migrate(database);

const key = Buffer.alloc(32, 1);
await createPool(database);
const operations = createSyncOperations({
  store: createSyncStore(database),
  pools: createPoolStore(database),
  bulkPublishes: createBulkPublishStore(database),
  tokens: createSessionTokens({ key, now: Date.now, randomId: randomUUID }),
  payloadLinks: createPayloadLinks({
    key,
    origin: () => 'http://127.0.0.1',
    now: Date.now,
    randomId: randomUUID,
  }),
  push: {
    devices: createPushStore(database),
    channel: createPushInbox({ randomId: randomUUID }),
    sleep: async () => undefined,
    report: () => undefined,
  },
  now: Date.now,
  streamExists: async () => true,
});
const verify = createSigV4Verifier({
  region: 'us-east-1',
  findCredentials: createFindCredentials({
    developer: DEFAULT_CREDENTIALS,
    accountId: '000000000000',
    temporary: createTemporaryCredentials({ key, now: Date.now, randomId: randomUUID }),
  }),
  now: Date.now,
});
const syncApi = createSyncApi({
  operations,
  verify,
  requestId: randomUUID,
  logger: createLogger('bench'),
});
const service = await startPort({ host: '127.0.0.1', port: 0, routes: [createSyncApiRoute(syncApi)] });
const bare = createServer(await createBareEndpoint(database)).listen(0, '127.0.0.1', () => {
  const address = bare.address();
  console.log(
    JSON.stringify({ service: service.port, bare: typeof address === 'object' ? address?.port : 0 }),
  );
});
