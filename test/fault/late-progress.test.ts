import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { DATABASES } from '../fixtures/database/databases.ts';
import { NEW_YEAR } from '../fixtures/sync/stream-events.ts';
import { readProgress } from './progress.ts';

describe.each(DATABASES)('an invocation that resumes after a timeout, on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  it('does not move the saved position back, even if all events arrived in the same millisecond', async () => {
    const { saveProgress } = createQueryStore(database);
    const at = (sequenceNumber: string) => ({
      streamName: 'cognito-sync',
      shardId: 'shardId-000000000000',
      sequenceNumber,
      arrivedAt: NEW_YEAR,
    });
    for (const sequenceNumber of ['99', '100', '99']) {
      await saveProgress(at(sequenceNumber), { isKnown: true });
    }
    expect(await readProgress(database)).toMatchObject([{ sequence_number: '100' }]);
  });
});
