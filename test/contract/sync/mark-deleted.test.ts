import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { lockIdentities } from '../../../lib/sync/store/lock-identities.ts';
import { createUnpublishedStore } from '../../../lib/sync/store/unpublished-store.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

let database: Database;
let other: Database;
beforeAll(async () => {
  const connectionString = await createPostgresDatabase();
  database = openPg({ connectionString });
  other = openPg({ connectionString });
});
afterAll(() => Promise.all([database.close(), other.close()]));

it('marks an identity as deleted only after the transaction that creates a dataset of the identity has ended', async () => {
  const steps: string[] = [];
  let marking: Promise<unknown> | undefined;
  await other.transaction(async (transaction) => {
    // The store takes this lock when it creates a dataset.
    await lockIdentities(transaction, POOL, [IDENTITY]);
    marking = createUnpublishedStore(database)
      .markDeleted({ identityPoolId: POOL, identityId: IDENTITY }, NEW_YEAR)
      .then(() => steps.push('marked'));
    await sleep(300);
    steps.push('created');
  });
  await marking;
  expect(steps).toEqual(['created', 'marked']);
});
