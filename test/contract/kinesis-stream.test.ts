import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { streamExists } from '../../lib/aws/kinesis-stream.ts';
import {
  credentials,
  type KinesisEmulator,
  region,
  startKinesisEmulator,
} from '../fixtures/kinesis-emulator.ts';

describe('whether a stream exists', () => {
  let emulator: KinesisEmulator;
  beforeAll(async () => {
    emulator = await startKinesisEmulator();
  });
  afterAll(() => emulator.close());

  it('is true from its creation to its deletion', async () => {
    expect(await streamExists(emulator.client, 'mine')).toBe(false);
    const streamName = await emulator.createStream(1, 'mine');
    expect(await streamExists(emulator.client, streamName)).toBe(true);
    expect(await streamExists(emulator.client, 'Mine')).toBe(false);
    await emulator.deleteStream(streamName);
    expect(await streamExists(emulator.client, streamName)).toBe(false);
  });

  it.each(['', 'no name', 'é', 's'.repeat(129)])(
    'is false of %j, which no stream can be called',
    async (name) => {
      expect(await streamExists(emulator.client, name)).toBe(false);
    },
  );

  it('is not answered where Kinesis does not answer', async () => {
    const client = createKinesisClient({ region, endpoint: 'http://127.0.0.1:1', credentials });
    await expect(streamExists(client, 'mine')).rejects.toThrow();
    client.destroy();
  });
});
