import { expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openForOperator } from '../../../lib/database/open-for-operator.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';

const noSecret = () => () => Promise.reject(new Error('no secret is needed here'));

it("limits the operator's writes of records as the service does, and lets other statements take hours", async () => {
  const url = await createPostgresDatabase();
  const { database, projection, close } = openForOperator({ kind: 'postgresql', url }, noSecret);
  const timeouts = async (on: Database) =>
    (
      await on.query(
        `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock`,
      )
    ).rows;
  expect(await timeouts(projection)).toEqual([{ statement: '45s', lock: '10s' }]);
  expect(await timeouts(database)).toEqual([{ statement: '1d', lock: '0' }]);
  await close();
});
