import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
import { failureObjects } from '../../../lib/aws/failure-objects.ts';
import { createCountFailedBatches } from '../../../lib/backfill/poll/count-failed-batches.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createRedrivenObjects } from '../../../lib/projection/store/redriven-objects.ts';
import { type FetchPayload, PayloadUnavailableError } from '../../../lib/stream/ports/fetch-payload.ts';
import { DAY, HOUR, MINUTE } from '../../fixtures/backfill/publish-poller.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import {
  deliver,
  NEW_YEAR,
  noPayloads,
  toBytes,
  toKinesisEvent,
  wireEvent,
} from '../../fixtures/sync/stream-events.ts';

const TIME = { streamName: 'cognito-sync', from: NEW_YEAR, to: NEW_YEAR + HOUR };
const UUID = 'aaaaaaaa-0000-4000-8000-000000000001';
/** Returns the name that Lambda gives to an object with a batch that it discarded at that time. */
const nameAt = (at: number, uuid = UUID) => {
  const time = new Date(at).toISOString();
  return `aws/lambda/${UUID}/shardId-0/${time.slice(0, 10).replaceAll('-', '/')}/${time.slice(0, 19).replaceAll(':', '.')}-${uuid}`;
};
const batch = (...arrivals: number[]) =>
  JSON.stringify({
    payload: JSON.stringify(toKinesisEvent(arrivals.map((at) => deliver(toBytes(wireEvent()), at)))),
  });

describe('batches that Lambda discarded after failed retries', () => {
  let database: Database;
  let directory: string;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'failures-'));
    await database.query('DELETE FROM projection.redriven_objects');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const count = (path = directory) =>
    createCountFailedBatches({
      listFailureObjects: () => failureObjects(path),
      redriven: createRedrivenObjects(database),
    })(TIME);
  const write = async (name: string, text: string) => {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  const redrive = (path: string, fetchPayload: FetchPayload = noPayloads) =>
    outcomeOf(async () => {
      const command = await prepareCommand(['redrive', '--failures', path]);
      await command(commandDeps({ database, fetchPayload, now: () => NEW_YEAR }));
      return { exitCode: 0 };
    });

  it('are counted if one of their records arrived in the period, or if some arrived before and others after it', async () => {
    await write('before', batch(NEW_YEAR - HOUR, NEW_YEAR - MINUTE));
    await write('at the start', batch(NEW_YEAR - HOUR, NEW_YEAR));
    await write('at the end', batch(NEW_YEAR + HOUR, NEW_YEAR + DAY));
    await write('around', batch(NEW_YEAR - DAY, NEW_YEAR + DAY));
    await write('after', batch(NEW_YEAR + HOUR + 1));
    await write('of another stream', batch(NEW_YEAR).replaceAll('stream/cognito-sync', 'stream/other'));
    await write('nothing of ours', '{}');
    expect(await count()).toBe(3);
  });

  it('are counted if the arrival times of their records are invalid', async () => {
    const far = { ...deliver(toBytes(1)), position: { ...deliver(toBytes(1)).position, arrivedAt: 1e15 } };
    await write('object', JSON.stringify({ payload: JSON.stringify(toKinesisEvent([far])) }));
    expect(await count()).toBe(1);
  });

  it('are not read if they were discarded long before the period', async () => {
    await write(nameAt(NEW_YEAR - DAY), batch(NEW_YEAR));
    expect(await count()).toBe(0);
    await write(nameAt(NEW_YEAR - MINUTE), batch(NEW_YEAR));
    expect(await count()).toBe(1);
  });

  it('are counted until they are redriven, even if a copy of the batch under another name is redriven', async () => {
    const name = nameAt(NEW_YEAR + HOUR);
    await write(name, batch(NEW_YEAR));
    await write('renamed', batch(NEW_YEAR));
    const copies = await mkdtemp(join(tmpdir(), 'copies-'));
    await writeFile(join(copies, name.split('/').at(-1) ?? ''), batch(NEW_YEAR));
    await redrive(copies);
    expect(await count()).toBe(1);
    await redrive(directory);
    expect(await count()).toBe(0);
    await rm(copies, { recursive: true });
  });

  it('are counted while payloads of their events are unavailable', async () => {
    const kinesisSyncRecordsURL = 'https://bucket.s3.us-east-1.amazonaws.com/object';
    const offloaded = wireEvent({ payloadType: 'S3Url', kinesisSyncRecords: null, kinesisSyncRecordsURL });
    const deliveries = [deliver(toBytes(wireEvent()), NEW_YEAR), deliver(toBytes(offloaded), NEW_YEAR)];
    await write('object', JSON.stringify({ payload: JSON.stringify(toKinesisEvent(deliveries)) }));
    await redrive(directory, () => Promise.reject(new PayloadUnavailableError('503')));
    expect(await count()).toBe(1);
    // Events that cannot be projected go into quarantine, where they are counted instead.
    await redrive(directory, async () => toBytes('garbage'));
    expect(await count()).toBe(0);
  });

  it('cannot be counted if the directory with the batches does not exist or cannot be read', async () => {
    await expect(count(join(directory, 'nothing'))).rejects.toMatchObject({
      name: 'EvidenceError',
      message: expect.stringContaining('cannot be read'),
    });
    await write('file', '{}');
    await expect(count(join(directory, 'file'))).rejects.toMatchObject({
      name: 'EvidenceError',
      condition: 'unavailable',
    });
  });
});
