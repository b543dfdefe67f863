import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpointFile } from '../../../infra/local/event-source-mapping/checkpoint-file.ts';
import { recoverStream } from '../../../infra/local/recover-stream.ts';
import { readCreatedAt } from '../../../lib/aws/kinesis-stream.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import { STREAM_NAME } from '../../../lib/common/stream-name.ts';
import type { Database } from '../../../lib/database/database.ts';
import { type KinesisEmulator, startKinesisEmulator } from '../../fixtures/aws/kinesis-emulator.ts';
import { MINUTE, openPoller, SECOND, succeeded } from '../../fixtures/backfill/publish-poller.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';

describe('a start that creates the stream', () => {
  let database: Database;
  let kinesis: KinesisEmulator;
  let directory: string;
  beforeEach(async () => {
    database = await openDatabase();
    kinesis = await startKinesisEmulator();
    directory = await mkdtemp(join(tmpdir(), 'recover-'));
    await createPool(database);
  });
  afterEach(async () => {
    await kinesis.close();
    await database.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** Creates the stream as `npm start` does, then polls. The bulk publish began before the stream, and succeeded. */
  async function startAndPoll() {
    const checkpoints = await openCheckpointFile({
      directory,
      functionName: 'project-stream',
      streamName: STREAM_NAME,
    });
    const lines: string[] = [];
    const report = (line: string) => void lines.push(line);
    const { client } = kinesis;
    await recoverStream({ client, database, checkpoints, streamName: STREAM_NAME, now: Date.now, report });
    const createdAt = await readCreatedAt(client, STREAM_NAME);
    const poller = openPoller(database);
    poller.stream.createdAt = createdAt;
    poller.pool().details = succeeded(createdAt - 10 * SECOND, createdAt + SECOND);
    poller.clock.now = createdAt + MINUTE;
    const { transitions, gaps } = await poller.poll();
    return { states: transitions.map(({ to }) => to), gaps, lines };
  }

  it('lets the poller count a bulk publish as projected that a restore began before the stream existed', async () => {
    expect(await startAndPoll()).toEqual({ states: ['SUCCEEDED', 'projected'], gaps: [], lines: [] });
  });

  it('lets the poller store a gap (a period of possibly missing removals) if the poller has seen an earlier stream', async () => {
    await createPublishStore(database).keepSeenCreation(STREAM_NAME, 1);
    const { states, gaps } = await startAndPoll();
    expect(states).toEqual(['SUCCEEDED', 'unknown']);
    expect(gaps).toHaveLength(1);
  });
});
