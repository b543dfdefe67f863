import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, DatabaseError } from '../../lib/database/database.ts';
import { projectBatch } from '../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { deliver, readDeliveries } from '../fixtures/sync/stream-events.ts';
import { FAULT_DATABASES, type FaultDatabase } from './databases.ts';
import { readRows } from './rows.ts';
import { UNREADABLE } from './special-events.ts';

describe.each(FAULT_DATABASES)('a value that $name rejects while another statement fails', ({ open }) => {
  let opened: FaultDatabase;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  it('is quarantined when the batch is retried, and the row of its dataset is written', async () => {
    const batch = await readDeliveries([deliver(Buffer.from(UNREADABLE.refusedValue().data))]);
    const failing = createQueryStore(failingOn(opened.database, 'INSERT INTO projection.datasets'));
    await expect(projectBatch(failing, batch)).rejects.toMatchObject({ code: '08006' });

    expect(await projectBatch(createQueryStore(opened.database), batch)).toMatchObject({ quarantined: 1 });
    const { datasets, records } = await readRows(opened.observer);
    expect({ datasets: Object.values(datasets), records }).toMatchObject({
      datasets: [{ deleted: false, records: 0 }],
      records: {},
    });
  });
});

function failingOn(database: Database, start: string): Database {
  return {
    ...database,
    query: async (sql, values) => {
      if (sql.trim().startsWith(start)) throw new DatabaseError('connection lost', '08006');
      return database.query(sql, values);
    },
  };
}
