import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  ListStreamsCommand,
  MergeShardsCommand,
  PutRecordsCommand,
  SplitShardCommand,
} from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEventSourceMapping } from '../../../infra/local/event-source-mapping/event-source-mapping.ts';
import { createKinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { createKinesisReader } from '../../../lib/aws/kinesis-reader.ts';
import { credentials, listen, region, until } from '../../fixtures/aws/kinesis-emulator.ts';
import { mappingDeps, SETTINGS } from '../../fixtures/aws/kinesis-scripted.ts';

const KEYS = Array.from({ length: 12 }, (_, index) => `key${index}`);
const require = createRequire(import.meta.url);
const logger = { info: () => undefined, warn: () => undefined, error: () => undefined };

let emulator: ChildProcess | undefined;
let client: KinesisClient;
let missing: string | undefined;

/** Starts kinesis-local in its own process. Unlike the emulator that the project uses, it takes time to reshard. */
beforeAll(async () => {
  const [plainPort, tlsPort] = [await freePort(), await freePort()];
  const main = require.resolve('kinesis-local');
  emulator = spawn(process.execPath, [main], {
    // kinesis-local reads its certificate from the working directory.
    cwd: dirname(main),
    env: {
      PATH: process.env.PATH,
      KINESIS_MOCK_PLAIN_PORT: plainPort,
      KINESIS_MOCK_TLS_PORT: tlsPort,
      LOG_LEVEL: 'ERROR',
    },
    stdio: 'ignore',
  });
  let ended: string | undefined;
  emulator.on('error', (error) => {
    ended = error.message;
  });
  emulator.on('exit', (code, signal) => {
    ended = `it ended with ${code ?? signal}`;
  });
  client = createKinesisClient({ region, endpoint: `http://127.0.0.1:${plainPort}`, credentials });
  for (const deadline = Date.now() + 30_000; ; await sleep(100)) {
    if (ended !== undefined || Date.now() > deadline) {
      missing = `kinesis-local does not start: ${ended ?? 'no response within 30 s'}`;
      process.stderr.write(`resharding is not tested; ${missing}\n`);
      return;
    }
    if (await client.send(new ListStreamsCommand()).catch(() => undefined)) return;
  }
});

afterAll(() => {
  client.destroy();
  emulator?.kill('SIGKILL');
});

async function freePort(): Promise<string> {
  const server = createServer();
  const { port } = new URL(await listen(server));
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const untilActive = (streamName: string) =>
  until(async () => {
    const response = await client.send(new DescribeStreamSummaryCommand({ StreamName: streamName }));
    expect(response.StreamDescriptionSummary?.StreamStatus).toBe('ACTIVE');
  });

/** Writes rounds of numbered records, one record for each key, until it is stopped. */
function startWriting(streamName: string) {
  let rounds = 0;
  let stopped = false;
  const run = async () => {
    while (!stopped) {
      const Records = KEYS.map((key) => ({ PartitionKey: key, Data: Buffer.from(`${key}:${rounds}`) }));
      const response = await client.send(new PutRecordsCommand({ StreamName: streamName, Records }));
      expect(response.FailedRecordCount ?? 0).toBe(0);
      rounds += 1;
    }
  };
  const running = run();
  return {
    /** Resolves when more rounds have been written. */
    continues() {
      const seen = rounds;
      return until(() => expect(rounds).toBeGreaterThan(seen + 3));
    },
    async stop() {
      stopped = true;
      await running;
      return rounds;
    },
  };
}

it.for([1, 3])(
  'the mapping keeps the order of the records of each key, and loses none, during a split and a merge of shards: %i concurrent batches',
  async (parallelizationFactor, { skip }) => {
    if (missing !== undefined) skip(missing);
    const streamName = `resharded-${parallelizationFactor}`;
    await client.send(new CreateStreamCommand({ StreamName: streamName, ShardCount: 1 }));
    await untilActive(streamName);
    const done = new Map<string, string[]>(KEYS.map((key) => [key, []]));
    const mapping = startEventSourceMapping(
      mappingDeps({
        reader: createKinesisReader(client),
        logger,
        streamName,
        settings: { ...SETTINGS, parallelizationFactor },
        options: { pollIntervalMs: 20, discoveryIntervalMs: 50, retryBaseMs: 1, retryCapMs: 10 },
        async invoke({ Records }) {
          for (const { kinesis } of Records) {
            done.get(kinesis.partitionKey)?.push(Buffer.from(kinesis.data, 'base64').toString());
          }
        },
      }),
    );
    try {
      const writing = startWriting(streamName);
      await writing.continues();
      await client.send(
        new SplitShardCommand({
          StreamName: streamName,
          ShardToSplit: 'shardId-000000000000',
          NewStartingHashKey: (2n ** 127n).toString(),
        }),
      );
      await untilActive(streamName);
      await writing.continues();
      await client.send(
        new MergeShardsCommand({
          StreamName: streamName,
          ShardToMerge: 'shardId-000000000001',
          AdjacentShardToMerge: 'shardId-000000000002',
        }),
      );
      await untilActive(streamName);
      await writing.continues();
      const rounds = await writing.stop();

      await until(() => expect([...done.values()].flat()).toHaveLength(rounds * KEYS.length));
      for (const [key, texts] of done) {
        expect(texts).toEqual(Array.from({ length: rounds }, (_, round) => `${key}:${round}`));
      }
      const states = mapping.status().shards.map(({ shardId, state }) => `${shardId.slice(-1)} ${state}`);
      expect(states).toEqual(['0 drained', '1 drained', '2 drained', '3 reading']);
    } finally {
      await mapping.close();
    }
  },
);
