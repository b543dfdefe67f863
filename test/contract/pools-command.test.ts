import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareCommand } from '../../lib/operator/run-command.ts';
import type { Database } from '../../lib/store/database.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { createPoolStore } from '../../lib/store/pool-store.ts';
import { DATABASES } from '../fixtures/databases.ts';
import { NEW_YEAR, POOL } from '../fixtures/stream-events.ts';
import { createDevice, createSyncService, put } from '../fixtures/sync-service.ts';

describe.each(DATABASES)('the command pools on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    await migrate(database);
  });
  afterAll(() => database.close());

  /** What the command prints. */
  async function pools(...args: string[]): Promise<string[]> {
    const lines: string[] = [];
    await prepareCommand(['pools', ...args])({
      database,
      fetchPayload: () => Promise.reject(new Error('not asked for')),
      print: (line) => lines.push(line),
      now: () => NEW_YEAR,
    });
    return lines;
  }

  it('makes pools that can be written to, and lists them', async () => {
    expect(await pools()).toEqual(['There are no identity pools.']);
    expect(await pools('add', POOL)).toEqual([`${POOL}: made, streaming ENABLED on cognito-sync`]);
    expect(await pools('add', '--stream', 'other', 'eu-west-1:0')).toEqual([
      'eu-west-1:0: made, streaming ENABLED on other',
    ]);
    expect(await pools('add', 'eu-west-1:1', '--no-stream')).toEqual(['eu-west-1:1: made, does not stream']);
    expect(await pools('add', POOL, '--no-stream')).toEqual([
      `${POOL}: was there already, and is left as it is`,
    ]);
    await createDevice(createSyncService(database).operations).update(put('score', '42'));
    const store = createPoolStore(database);
    const other = await store.readPool('eu-west-1:0');
    if (other?.streams) {
      const streams = { ...other.streams, status: 'DISABLED' as const, disabledReason: 'it is gone' };
      await store.changePool({ ...other, syncTrigger: 'arn:some', streams });
    }
    expect(await pools()).toEqual([
      'eu-west-1:0',
      '  stores 0 bytes',
      '  streaming DISABLED on other: it is gone',
      '  sync trigger arn:some',
      'eu-west-1:1',
      '  stores 0 bytes',
      '  does not stream',
      '  no sync trigger',
      POOL,
      '  stores 7 bytes',
      '  streaming ENABLED on cognito-sync',
      '  no sync trigger',
    ]);
  });
});
