import { createServer } from 'node:http';
import { CreateStreamCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { streamExists } from '../../../lib/aws/kinesis-stream.ts';
import {
  credentials,
  type KinesisEmulator,
  listen,
  region,
  startKinesisEmulator,
} from '../../fixtures/aws/kinesis-emulator.ts';

describe('streamExists', () => {
  let emulator: KinesisEmulator;
  beforeAll(async () => {
    emulator = await startKinesisEmulator();
  });
  afterAll(() => emulator.close());

  it('returns true from when the stream is active until it is deleted', async () => {
    expect(await streamExists(emulator.client, 'mine')).toBe(false);
    const streamName = await emulator.createStream(1, 'mine');
    expect(await streamExists(emulator.client, streamName)).toBe(true);
    expect(await streamExists(emulator.client, 'Mine')).toBe(false);
    await emulator.deleteStream(streamName);
    expect(await streamExists(emulator.client, streamName)).toBe(false);
  });

  it('returns false while the stream is being created, because it accepts no records yet', async () => {
    const slow = await startKinesisEmulator({ createStreamMs: 500 });
    await slow.client.send(new CreateStreamCommand({ StreamName: 'slow', ShardCount: 1 }));
    expect(await streamExists(slow.client, 'slow')).toBe(false);
    await slow.untilActive('slow');
    expect(await streamExists(slow.client, 'slow')).toBe(true);
    await slow.close();
  });

  it.each([
    ['ACTIVE', true],
    ['UPDATING', true],
    ['CREATING', false],
    ['DELETING', false],
    ['A_STATUS_TO_COME', false],
  ])('if the stream has the status %s, returns %s', async (StreamStatus, exists) => {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      response.end(JSON.stringify({ StreamDescriptionSummary: { StreamStatus } }));
    });
    const client = createKinesisClient({ region, endpoint: await listen(server), credentials });
    expect(await streamExists(client, 'mine')).toBe(exists);
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(['', 'no name', 'é', 's'.repeat(129)])('returns false for the invalid name %j', async (name) => {
    expect(await streamExists(emulator.client, name)).toBe(false);
  });

  it('throws if Kinesis does not respond', async () => {
    const client = createKinesisClient({ region, endpoint: 'http://127.0.0.1:1', credentials });
    await expect(streamExists(client, 'mine')).rejects.toThrow();
    client.destroy();
  });
});
