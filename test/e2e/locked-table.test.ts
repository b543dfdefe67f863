import { CognitoIdentityClient, GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { type CognitoSyncServiceException, UpdateRecordsCommand } from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { DEFAULT_CONNECTIONS } from '../../lib/database/connections.ts';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, list, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

let cloud: LocalCloud;
let outside: Database;
beforeAll(async () => {
  const databaseUrl = await createPostgresDatabase();
  cloud = await startCloud({ databaseUrl, connections: { ...DEFAULT_CONNECTIONS, writes: 2, waiting: 1 } });
  outside = openPg({ connectionString: databaseUrl });
});
afterAll(async () => {
  await outside.close();
  await cloud.close();
});

it('a table that another program locks delays only the calls that need it', async () => {
  const client = createSyncClient(cloud.url, { maxAttempts: 1 });
  const identities = new CognitoIdentityClient({ region: 'us-east-1', endpoint: cloud.url });
  const reader = newIdentity();
  await write(client, reader, 'game', [set('level', '1')]);
  const writers = Array.from({ length: 4 }, newIdentity);
  const tokens = await Promise.all(
    writers.map(async (writer) => (await list(client, writer, 'game')).SyncSessionToken),
  );
  const unlock = await lock('sync.outbox');
  // Two calls hold the two connections for writes, one call waits, and one call is refused.
  const calls = writers.map((writer, index) => {
    const input = { ...writer, DatasetName: 'game', RecordPatches: [set('level', '2')] };
    return client.send(new UpdateRecordsCommand({ ...input, SyncSessionToken: tokens[index] }));
  });
  const { name, $metadata, $response } = await firstRefusal(calls);
  expect({ name, status: $metadata.httpStatusCode }).toEqual({
    name: 'TooManyRequestsException',
    status: 429,
  });
  expect($response?.headers).toMatchObject({ 'retry-after': '1' });
  for (let count = 0; count < 10; count += 1) {
    expect((await list(client, reader, 'game')).Records).toHaveLength(1);
  }
  const { IdentityId } = await identities.send(new GetIdCommand({ IdentityPoolId: POOL }));
  expect(IdentityId).toBeDefined();
  await unlock();
  // A call that was refused must have changed nothing.
  const outcomes = await Promise.allSettled(calls);
  const stored = await Promise.all(writers.map((writer) => list(client, writer, 'game')));
  expect(stored.map(({ Records }) => Records?.length)).toEqual(
    outcomes.map(({ status }) => (status === 'fulfilled' ? 1 : 0)),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  identities.destroy();
  client.destroy();
});

/** Locks a table as an operator's session would. Resolves, when the table is locked, to a function that unlocks it. */
async function lock(table: string): Promise<() => Promise<void>> {
  const locked = Promise.withResolvers<void>();
  const unlocking = Promise.withResolvers<void>();
  const transaction = outside.transaction(async (on) => {
    await on.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    locked.resolve();
    await unlocking.promise;
  });
  await locked.promise;
  return () => {
    unlocking.resolve();
    return transaction;
  };
}

function firstRefusal(calls: readonly Promise<unknown>[]): Promise<CognitoSyncServiceException> {
  return new Promise((resolve) => {
    for (const call of calls) call.catch(resolve);
  });
}
