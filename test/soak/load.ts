import { setTimeout as sleep } from 'node:timers/promises';
import {
  CognitoSyncServiceException,
  DeleteDatasetCommand,
  type _Record as Listed,
  type RecordPatch,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { createSyncClient, list, newIdentity, remove, set } from '../fixtures/wire/sync-client.ts';
import {
  acknowledge,
  acknowledgeDeletion,
  adopt,
  createDatasetLedger,
  type DatasetLedger,
  doubt,
  type LedgerEntry,
  nameOf,
} from './ledger.ts';

export interface LoadOptions {
  url: string;
  random: () => number;
  /**
   * Updates per second of all devices together. With Infinity, each device sends its next update as soon as it has the
   * answer to the previous one.
   */
  rate?: number;
  devices?: number;
  /** Number of datasets that each device writes. With 0, each update creates a dataset of a new identity. */
  datasetsPerDevice?: number;
  /** Whether devices also delete datasets. */
  deletes?: boolean;
}

export interface Load {
  /** All datasets that a device has written. */
  datasets: readonly DatasetLedger[];
  /** The number of acknowledged updates. */
  acknowledged(): number;
  /** Number of failed requests by the name and status of the error. */
  failures: ReadonlyMap<string, number>;
  /** Wrong answers of the service, one line each. */
  problems: readonly string[];
  /** Milliseconds from request to answer of each acknowledged update, in order. */
  durations: readonly number[];
  /** The longest time in milliseconds without an acknowledged update. */
  longestPause(): number;
  /** Ends the load and waits for the answers to requests in flight. */
  stop(): Promise<void>;
}

/** Every value starts with this text, which must not appear in a log. */
export const VALUE_MARK = 'record-value-';
/** Number of keys per dataset. The number is small, so that most updates change existing records. */
const KEYS = 20;
/** Pause after a failure, so that devices do not send requests continuously while the service does not respond. */
const PAUSE_MS = 100;
const REQUEST_TIMEOUT_MS = 20_000;
/** Probability that a device deletes the dataset instead of updating it. */
const DELETES = 0.01;

/**
 * Starts devices that update datasets through the SDK, without retries, until `stop` is called. Only one device writes
 * to a dataset, so that the ledger knows the contents of the dataset. Each value is written only once.
 */
export function startLoad({
  url,
  random,
  rate = 150,
  devices = 16,
  datasetsPerDevice = 25,
  deletes = false,
}: LoadOptions): Load {
  const client = createSyncClient(url, {
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
      connectionTimeout: 2_000,
      httpAgent: { keepAlive: true, maxSockets: devices },
    }),
  });
  const datasets: DatasetLedger[] = [];
  const failures = new Map<string, number>();
  const problems: string[] = [];
  const durations: number[] = [];
  const stopping = new AbortController();
  let longestPause = 0;
  let lastAt = performance.now();
  let values = 0;

  const index = (length: number) => Math.floor(random() * length);
  const newDataset = () => {
    const dataset = createDatasetLedger(newIdentity(), 'game');
    datasets.push(dataset);
    return dataset;
  };

  /**
   * Waits for the answer to a request. Returns undefined if the request failed. Calls `onNoAnswer` if the service may
   * have executed the failed request.
   */
  async function attempt<Answer>(
    request: Promise<Answer>,
    dataset: DatasetLedger,
    onNoAnswer?: () => void,
  ): Promise<Answer | undefined> {
    try {
      return await request;
    } catch (error) {
      const status =
        error instanceof CognitoSyncServiceException ? error.$metadata.httpStatusCode : undefined;
      const name = status === undefined ? codeOf(error) : `${codeOf(error)} ${status}`;
      failures.set(name, (failures.get(name) ?? 0) + 1);
      if (status === undefined || status >= 500) onNoAnswer?.();
      // After an error other than 429, the stored dataset may differ from the ledger.
      if (status !== 429) dataset.isUncertain = true;
      await sleep(PAUSE_MS);
      return undefined;
    }
  }

  async function takeTurn(dataset: DatasetLedger): Promise<void> {
    const { identity, name, isUncertain } = dataset;
    const known = isUncertain ? {} : { LastSyncCount: dataset.syncCount, MaxResults: 1 };
    const listed = await attempt(list(client, identity, name, known), dataset);
    if (listed === undefined) return;
    const count = listed.DatasetSyncCount ?? 0;
    if (isUncertain) problems.push(...adopt(dataset, count, toRecords(listed.Records)));
    else if (count < dataset.syncCount) {
      problems.push(`${nameOf(dataset)}: the count went back from ${dataset.syncCount} to ${count}`);
    }
    const hasRecords = [...dataset.records.values()].some(({ value }) => value !== null);
    if (deletes && hasRecords && random() < DELETES) await deleteDataset(dataset);
    else await update(dataset, listed.SyncSessionToken);
  }

  async function update(dataset: DatasetLedger, SyncSessionToken: string | undefined): Promise<void> {
    const { identity, name } = dataset;
    const RecordPatches = patchesOf(dataset);
    const sentAt = performance.now();
    const answer = await attempt(
      client.send(
        new UpdateRecordsCommand({ ...identity, DatasetName: name, SyncSessionToken, RecordPatches }),
      ),
      dataset,
      () =>
        doubt(
          dataset,
          RecordPatches.map(({ Key = '', Value = null }) => [Key, Value]),
        ),
    );
    if (answer === undefined) return;
    const now = performance.now();
    durations.push(now - sentAt);
    longestPause = Math.max(longestPause, now - lastAt);
    lastAt = now;
    problems.push(...acknowledge(dataset, [...toRecords(answer.Records)]));
  }

  async function deleteDataset(dataset: DatasetLedger): Promise<void> {
    const { identity, name } = dataset;
    const keys = [...dataset.records.keys()];
    const answer = await attempt(
      client.send(new DeleteDatasetCommand({ ...identity, DatasetName: name })),
      dataset,
      () =>
        doubt(
          dataset,
          keys.map((key) => [key, null]),
        ),
    );
    if (answer !== undefined) acknowledgeDeletion(dataset);
  }

  function patchesOf(dataset: DatasetLedger): RecordPatch[] {
    const keys = new Set(Array.from({ length: 1 + index(3) }, () => `key-${index(KEYS)}`));
    return [...keys].map((key) => {
      const { value = null, syncCount = 0 } = dataset.records.get(key) ?? {};
      if (value !== null && random() < 0.1) return remove(key, syncCount);
      values += 1;
      return set(key, `${VALUE_MARK}${values} ${'x'.repeat(index(20))}`, syncCount);
    });
  }

  async function runDevice(device: number): Promise<void> {
    const own = Array.from({ length: datasetsPerDevice }, () => newDataset());
    const periodMs = (devices * 1_000) / rate;
    let nextAt = performance.now() + (periodMs * device) / devices;
    while (!stopping.signal.aborted) {
      const waitMs = nextAt - performance.now();
      if (waitMs > 0) await sleep(waitMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      // After a fault, the device continues at the same rate. It does not send the missed updates later.
      nextAt = Math.max(nextAt + periodMs, performance.now() - periodMs);
      await takeTurn(own[index(own.length)] ?? newDataset());
    }
  }

  const running = Promise.all(Array.from({ length: devices }, (_, device) => runDevice(device)));
  return {
    datasets,
    acknowledged: () => durations.length,
    failures,
    problems,
    durations,
    longestPause: () => Math.max(longestPause, stopping.signal.aborted ? 0 : performance.now() - lastAt),
    async stop() {
      stopping.abort();
      await running;
      client.destroy();
    },
  };
}

/** Converts records as the API returns them. */
export function toRecords(records: readonly Listed[] | undefined = []): Map<string, LedgerEntry> {
  return new Map(
    records.map(({ Key = '', Value = null, SyncCount = 0 }) => [Key, { value: Value, syncCount: SyncCount }]),
  );
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UnknownError';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
