import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  type KinesisClient,
  ListShardsCommand,
} from '@aws-sdk/client-kinesis';
import type { Database } from '../../lib/database/database.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, list } from '../fixtures/wire/sync-client.ts';
import { compare, type DatasetLedger, type LedgerEntry, nameOf } from './ledger.ts';
import { toRecords } from './load.ts';

type Contents = Map<string, LedgerEntry>;

const CONCURRENT_READS = 8;
const IDENTITIES_PER_QUERY = 200;
const POLL_MS = 500;

/**
 * Reads all datasets through ListRecords and compares them with the ledger.
 *
 * @returns the live records of each dataset, and one line per value that is lost or that no update explains
 */
export async function checkService(
  url: string,
  datasets: readonly DatasetLedger[],
): Promise<{ stored: Map<string, Contents>; problems: string[] }> {
  const client = createSyncClient(url);
  const stored = new Map<string, Contents>();
  const problems: string[] = [];
  const remaining = datasets.values();
  async function readNext(): Promise<void> {
    for (const dataset of remaining) {
      const { Records } = await list(client, dataset.identity, dataset.name);
      const records = toRecords(Records);
      problems.push(...compare(dataset, records));
      stored.set(nameOf(dataset), new Map([...records].filter(([, { value }]) => value !== null)));
    }
  }
  await Promise.all(Array.from({ length: CONCURRENT_READS }, readNext)).finally(() => client.destroy());
  return { stored, problems };
}

/**
 * Waits until `query.records` equals the service: the same keys, values and sync counts.
 *
 * @returns one line per difference that remains after `timeoutMs`
 */
export async function checkQueryStore(
  reader: Database,
  datasets: readonly DatasetLedger[],
  stored: ReadonlyMap<string, Contents>,
  timeoutMs: number,
): Promise<string[]> {
  const deadline = performance.now() + timeoutMs;
  for (let pending = datasets; ; await sleep(POLL_MS)) {
    const differences = await findDifferences(reader, pending, stored);
    if (differences.size === 0) return [];
    if (performance.now() > deadline) return [...differences.values()].flat();
    pending = pending.filter((dataset) => differences.has(nameOf(dataset)));
  }
}

async function findDifferences(
  reader: Database,
  datasets: readonly DatasetLedger[],
  stored: ReadonlyMap<string, Contents>,
): Promise<Map<string, string[]>> {
  const identityIds = [...new Set(datasets.map(({ identity }) => identity.IdentityId))];
  const found = new Map<string, Contents>();
  const differences = new Map<string, string[]>();
  for (let from = 0; from < identityIds.length; from += IDENTITIES_PER_QUERY) {
    const ids = identityIds.slice(from, from + IDENTITIES_PER_QUERY).map((id) => `'${id}'`);
    const { rows } = await reader.query<{ name: string; key: string; value: string; count: number }>(
      `SELECT identity_id || ' ' || dataset_name AS name, record_key AS key, record_value AS value,
         sync_count AS count
       FROM query.records WHERE identity_pool_id = '${POOL}' AND identity_id IN (${ids})`,
    );
    for (const { name, key, value, count } of rows) {
      const records = found.get(name) ?? new Map();
      if (records.has(key)) differences.set(name, [`${name}: the query store has ${key} twice`]);
      found.set(name, records.set(key, { value, syncCount: Number(count) }));
    }
  }
  for (const dataset of datasets) {
    const name = nameOf(dataset);
    const different = differenceOf(name, stored.get(name) ?? new Map(), found.get(name) ?? new Map());
    if (different.length > 0) differences.set(name, [...(differences.get(name) ?? []), ...different]);
  }
  return differences;
}

function differenceOf(name: string, stored: Contents, found: Contents): string[] {
  const keys = new Set([...stored.keys(), ...found.keys()]);
  const text = (entry: LedgerEntry | undefined) => (entry ? `${entry.value} (${entry.syncCount})` : 'absent');
  return [...keys].flatMap((key) => {
    const [expected, actual] = [text(stored.get(key)), text(found.get(key))];
    return expected === actual
      ? []
      : [`${name}: ${key} is ${actual} in the query store, ${expected} in the service`];
  });
}

/**
 * Reads the stream from its start and finds acknowledged updates without an event.
 *
 * @returns one line per missing event, and how many events the stream has more than once
 */
export async function checkStream(
  kinesis: KinesisClient,
  datasets: readonly DatasetLedger[],
): Promise<{ problems: string[]; repeated: number }> {
  const events = new Map<string, number>();
  const { Shards = [] } = await kinesis.send(new ListShardsCommand({ StreamName: 'cognito-sync' }));
  for (const { ShardId } of Shards) {
    const start = { StreamName: 'cognito-sync', ShardId, ShardIteratorType: 'TRIM_HORIZON' as const };
    let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(start));
    while (ShardIterator) {
      const { Records = [], NextShardIterator } = await kinesis.send(
        new GetRecordsCommand({ ShardIterator }),
      );
      for (const { Data } of Records) {
        const event = JSON.parse(new TextDecoder().decode(Data));
        const version = `${event.identityId} ${event.datasetName} ${event.syncCount}`;
        events.set(version, (events.get(version) ?? 0) + 1);
      }
      ShardIterator = Records.length > 0 ? NextShardIterator : undefined;
    }
  }
  const versions = datasets.flatMap((dataset) =>
    dataset.acknowledged.map((count) => `${nameOf(dataset)} ${count}`),
  );
  const problems = versions
    .filter((version) => !events.has(version))
    .map((version) => `${version}: no event on the stream`);
  return { problems, repeated: [...events.values()].filter((count) => count > 1).length };
}
