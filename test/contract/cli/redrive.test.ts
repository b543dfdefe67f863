import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CommandDeps } from '../../../infra/cli/command.ts';
import { outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import {
  type FetchPayload,
  PayloadRefusedError,
  PayloadUnavailableError,
} from '../../../lib/stream/ports/fetch-payload.ts';
import { createPostgresDatabase, openDatabase } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import {
  deliver,
  NEW_YEAR,
  noPayloads,
  POOL,
  readDeliveries,
  toBytes,
  toKinesisEvent,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';

const inline = (key: string) => deliver(toBytes(wireEvent({ kinesisSyncRecords: [wireRecord({ key })] })));
const offloaded = (url: string) =>
  deliver(toBytes(wireEvent({ payloadType: 'S3Url', kinesisSyncRecords: null, kinesisSyncRecordsURL: url })));
const failureObject = (...deliveries: ReturnType<typeof deliver>[]) =>
  JSON.stringify({ payload: JSON.stringify(toKinesisEvent(deliveries)) });

describe('the command redrive', () => {
  let database: Database;
  let directory: string;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'failures-'));
    await deleteRows(database, ['projection.datasets', 'projection.records', 'projection.quarantine']);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Returns the outcome of the command and its output, with paths relative to the directory of failure objects. */
  async function redrive(
    args: string[],
    fetchPayload: FetchPayload = noPayloads,
    now = () => NEW_YEAR,
    databases: Partial<Pick<CommandDeps, 'database' | 'projection'>> = {},
  ) {
    const lines: string[] = [];
    const print = (line: string) => lines.push(line.replaceAll(`${directory}/`, ''));
    const outcome = await outcomeOf(async () => {
      const deps = commandDeps({ database, fetchPayload, print, now, ...databases });
      await (await prepareCommand(['redrive', ...args]))(deps);
      return { exitCode: 0 };
    });
    return { lines, ...outcome };
  }
  const fromDirectory = (fetchPayload?: FetchPayload) => redrive(['--failures', directory], fetchPayload);
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  const keys = async () =>
    (await database.query('SELECT record_key FROM query.records ORDER BY 1')).rows.map(
      (row) => row.record_key,
    );

  it('reports each object that it cannot read or store, continues, and exits with 1', async () => {
    await symlink('nowhere', join(directory, '1 link'));
    await write('2 in the far future', failureObject({ ...inline('far'), position: farFuture() }));
    await write('3 not ours', '{}');
    await write('4 good', failureObject(inline('good')));
    const { lines, exitCode, error } = await fromDirectory();
    expect(lines.slice(0, 4)).toEqual([
      expect.stringMatching(/^1 link: cannot be read: ENOENT: no such file or directory, /),
      '2 in the far future: record 0: its arrival time must be in the years 1 to 9999',
      '3 not ours: skipped, because it is not an object of a failure destination',
      '4 good: 1 projected, 0 cannot be projected as they are',
    ]);
    expect(exitCode).toBe(1);
    expect(error).toBe('2 of 4 objects failed');
    expect(await keys()).toEqual(['good']);
  });

  it('does not wait longer for a lock than other writers of records, because the feed of changes waits for it', async () => {
    const connectionString = await createPostgresDatabase();
    const patient = openPg({ connectionString, lockTimeoutMs: 0 });
    const projection = openPg({ connectionString, lockTimeoutMs: 100 });
    await projectBatch(createQueryStore(patient), await readDeliveries([inline('before')]));
    await write('object', failureObject(inline('after')));
    await patient.transaction(async (transaction) => {
      await transaction.query('SELECT 1 FROM projection.datasets FOR UPDATE');
      const databases = { database: patient, projection };
      const { exitCode, error } = await redrive(['--failures', directory], noPayloads, undefined, databases);
      expect({ exitCode, error }).toEqual({
        exitCode: 1,
        error: 'the database reported an error: canceling statement due to lock timeout',
      });
    });
    await Promise.all([patient.close(), projection.close()]);
  });

  it('follows links to files, but not to directories', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'elsewhere-'));
    await writeFile(join(elsewhere, 'object'), failureObject(inline('linked')));
    await symlink(join(elsewhere, 'object'), join(directory, 'file'));
    await symlink(elsewhere, join(directory, 'directory'));
    const { lines, exitCode } = await fromDirectory();
    expect(lines[0]).toBe('file: 1 projected, 0 cannot be projected as they are');
    expect(lines).toHaveLength(2);
    expect(exitCode).toBe(0);
    await rm(elsewhere, { recursive: true });
  });

  it('projects the events that can be projected, and exits with 1 if payloads are unavailable', async () => {
    await projectBatch(createQueryStore(database), await readDeliveries([offloaded('https://a/1')]));
    await write('object', failureObject(offloaded('https://a/2'), inline('there')));
    const unavailable: FetchPayload = () => Promise.reject(new PayloadUnavailableError('503'));
    const left = { exitCode: 1, error: '1 event was temporarily unavailable; run this command again later' };
    expect(await redrive([], unavailable)).toMatchObject(left);
    expect(await fromDirectory(unavailable)).toMatchObject(left);
    expect(await keys()).toEqual(['there']);
  });

  it('suggests --dismiss for unreadable events; after that command, no bulk publish waits for these events', async () => {
    await projectBatch(createQueryStore(database), await readDeliveries([deliver(Buffer.from('garbage'))]));
    const { streamName } = inline('any').position;
    const range = { streamName, from: 0, to: NEW_YEAR * 2 };
    const quarantined = () => createPublishStore(database).countQuarantined(POOL, range);
    const summary =
      'quarantine: 0 projected, 1 cannot be projected as they are (1 not-json; see docs/query.md)';
    expect(await redrive([])).toMatchObject({
      exitCode: 0,
      lines: [
        summary,
        expect.stringContaining('run `redrive --dismiss`; bulk publishes then no longer wait'),
      ],
    });
    expect(await quarantined()).toBe(1);
    expect(await redrive(['--dismiss'])).toMatchObject({
      exitCode: 0,
      lines: [summary, expect.stringMatching(/^Dismissed: 1 event\. /)],
    });
    expect(await quarantined()).toBe(0);
    const nothing = { projected: 0, unavailable: 0, refused: {}, dismissed: 0 };
    expect((await redrive(['--dismiss', '--json'])).lines).toEqual([JSON.stringify({ quarantine: nothing })]);
  });

  it('after three timeouts, sends no more requests to that origin, but still fetches from other origins', async () => {
    const urls = Array.from({ length: 6 }, (_, index) => [
      `https://silent/${index}`,
      `https://well/${index}`,
    ]);
    const deliveries = urls.flat().map(offloaded);
    await projectBatch(
      createQueryStore(database),
      await readDeliveries([...deliveries, deliver(toBytes(1))]),
    );
    for (const delivery of deliveries) await write(delivery.position.sequenceNumber, failureObject(delivery));
    const requested: string[] = [];
    const some: FetchPayload = async (url) => {
      requested.push(url);
      if (url.startsWith('https://silent/')) throw new PayloadUnavailableError('timeout');
      return toBytes([wireRecord({ key: url })]);
    };
    for (const args of [[], ['--failures', directory]]) {
      requested.length = 0;
      expect(await redrive(args, some)).toMatchObject({
        exitCode: 1,
        error: '6 events were temporarily unavailable; run this command again later',
      });
      expect(requested.filter((url) => url.startsWith('https://silent/'))).toHaveLength(3);
      expect(requested.filter((url) => url.startsWith('https://well/'))).toHaveLength(6);
    }
  });

  it('counts slow rejections as timeouts: after three in a row, it sends no more requests to that origin; fast rejections do not count', async () => {
    const deliveries = Array.from({ length: 6 }, (_, index) => offloaded(`https://a/${index}`));
    await projectBatch(createQueryStore(database), await readDeliveries(deliveries));
    for (const { tookMs, requests } of [
      { tookMs: 15_000, requests: 3 },
      { tookMs: 1_000, requests: 6 },
    ]) {
      let time = 0;
      let count = 0;
      const refusing: FetchPayload = () => {
        time += tookMs;
        count += 1;
        return Promise.reject(new PayloadRefusedError('timeout, and the link has expired'));
      };
      await redrive([], refusing, () => time);
      expect(count).toBe(requests);
    }
  });
});

function farFuture() {
  return { ...inline('far').position, arrivedAt: Date.parse('+010000-01-01T00:00:00Z') };
}
