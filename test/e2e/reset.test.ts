import {
  CreateStreamCommand,
  DeleteStreamCommand,
  type KinesisClient,
  ListStreamsCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { localKinesis, put } from '../fixtures/aws/kinesis.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { wireEvent } from '../fixtures/sync/stream-events.ts';

describe('reset', () => {
  let cloud: LocalCloud;
  let kinesis: KinesisClient;
  beforeAll(async () => {
    cloud = await startCloud();
    kinesis = localKinesis(cloud.url);
  });
  afterAll(async () => {
    kinesis.destroy();
    await cloud.close();
  });

  const datasets = async () =>
    (await cloud.database.query('SELECT dataset_name FROM query.datasets')).rows.map(
      ({ dataset_name }) => dataset_name,
    );
  const streams = async () => (await kinesis.send(new ListStreamsCommand({ Limit: 100 }))).StreamNames;
  /** Checks that the local cloud is empty, and that it projects events. */
  async function expectWorking(): Promise<void> {
    expect(await datasets()).toEqual([]);
    expect(await streams()).toEqual(['cognito-sync']);
    await put(kinesis, wireEvent({ datasetName: 'game' }));
    await expect.poll(datasets).toEqual(['game']);
  }

  it('deletes the streams of clients', async () => {
    for (let number = 1; number <= 12; number += 1) {
      await kinesis.send(new CreateStreamCommand({ StreamName: `stream-${number}`, ShardCount: 1 }));
    }
    await cloud.reset();
    await expectWorking();
  });

  it('creates the stream again if a client has deleted it', async () => {
    await kinesis.send(new DeleteStreamCommand({ StreamName: 'cognito-sync' }));
    await cloud.reset();
    await expectWorking();
  });

  it('runs concurrent calls one after another', async () => {
    await Promise.all([cloud.reset(), cloud.reset(), cloud.reset()]);
    await expectWorking();
  });

  it('leaves a working service if it fails, and works when it is called again', async () => {
    await cloud.database.query('CREATE TABLE sync.parent (id integer PRIMARY KEY)');
    await cloud.database.query('CREATE TABLE public.child (id integer REFERENCES sync.parent)');
    await expect(cloud.reset()).rejects.toThrow('foreign key');
    await put(kinesis, wireEvent({ datasetName: 'after-failure' }));
    await expect.poll(datasets).toContain('after-failure');
    await cloud.database.query('DROP TABLE public.child, sync.parent');
    await cloud.reset();
    await expectWorking();
  });

  it('is complete before the service closes', async () => {
    const closing = await startCloud();
    await Promise.all([closing.reset(), closing.close()]);
    await expect(fetch(`${closing.url}/healthz`)).rejects.toThrow('fetch failed');
  });
});
