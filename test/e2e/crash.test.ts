import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { localKinesis, put } from '../fixtures/aws/kinesis.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { type StartedProcess, startProcess } from '../fixtures/local/npm-start.ts';
import { NEW_YEAR, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';

const KILLS = 3;

describe.each([
  { name: 'embedded', databaseUrl: async () => undefined },
  { name: 'PostgreSQL', databaseUrl: createPostgresDatabase },
])('a process that is killed while events stream in, $name', ({ databaseUrl }) => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'crash-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('has projected, once restarted, every event that Kinesis accepted', { timeout: 120_000 }, async () => {
    const url = await databaseUrl();
    const env = { DATA_DIR: dataDir, ...(url !== undefined && { DATABASE_URL: url }) };
    const accepted: string[] = [];
    let started: StartedProcess | undefined;
    for (let kill = 1; kill <= KILLS; kill += 1) {
      started = await startProcess(env);
      const until = accepted.length + 100 * kill;
      const streaming = Array.from({ length: 4 }, (_, writer) =>
        stream(started?.url ?? '', `${kill}-${writer}`, accepted),
      );
      await expect.poll(() => accepted.length, { timeout: 20_000, interval: 5 }).toBeGreaterThan(until);
      await started.end('SIGKILL');
      await Promise.all(streaming);
    }

    started = await startProcess(env);
    const reader = openPg({ connectionString: url ?? started.sqlUrl });
    const keys = async () =>
      (await reader.query<{ record_key: string }>('SELECT record_key FROM query.records')).rows.map(
        (row) => row.record_key,
      );
    await expect
      .poll(async () => new Set(accepted).difference(new Set(await keys())).size, { timeout: 30_000 })
      .toBe(0);
    expect((await reader.query('SELECT reason FROM query.quarantine')).rows).toEqual([]);
    await reader.close();
    expect(await started.end('SIGTERM')).toEqual({ code: 0 });
  });
});

/** Puts one event after the other until the process is gone; notes the key of each that was acknowledged. */
async function stream(url: string, writer: string, accepted: string[]): Promise<void> {
  const kinesis = localKinesis(url);
  try {
    for (let count = 1; ; count += 1) {
      const key = `${writer}-${count}`;
      await put(
        kinesis,
        wireEvent({
          syncCount: count,
          kinesisSyncRecords: [wireRecord({ key, lastModifiedDate: NEW_YEAR + count })],
        }),
      );
      accepted.push(key);
    }
  } catch {
    // The process was killed: what was not acknowledged may or may not be there.
  } finally {
    kinesis.destroy();
  }
}
