import { createServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { startPublishPolling } from '../../../infra/local/schedules/publish-polling.ts';
import { createKinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { credentials, listen, region } from '../../fixtures/aws/kinesis-emulator.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

it('the local poller asks the service about each pool, but not for the usage of all pools', async () => {
  const database = await openDatabase();
  await createPool(database);
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${decodeURIComponent(request.url ?? '')}`);
    response.writeHead(404, { 'x-amzn-ErrorType': 'ResourceNotFoundException' }).end('{}');
  });
  const url = await listen(server);
  const client = createKinesisClient({ region, endpoint: url, credentials });
  const polling = startPublishPolling({ url, credentials, region, client, database, directory: '/nowhere' });
  onTestFinished(async () => {
    await polling.close();
    client.destroy();
    server.close();
    await database.close();
  });
  await expect.poll(() => requests).toContainEqual(expect.stringContaining(`/identitypools/${POOL}/`));
  expect(requests).not.toContainEqual('GET /identitypools');
});
