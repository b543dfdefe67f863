import { setMaxListeners } from 'node:events';
import pLimit from 'p-limit';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { forEachUse } from '../../lib/database/connections.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import type { LocalDatabase } from '../../lib/database/open-local.ts';
import { requireNoRestore } from '../../lib/export/store/interrupted-import.ts';
import { observeActivity } from './activity/observe-activity.ts';
import { deleteAllData } from './delete-all-data.ts';
import { ensureFirstPool } from './first-pool.ts';
import { createLocalFunctions } from './functions/local-functions.ts';
import type { DrainReport } from './http/drain.ts';
import { openHttpPort } from './http/open-http-port.ts';
import { createKinesisEmulator } from './kinesis/kinesis.ts';
import type { KinesisProcess } from './kinesis/kinesis-process.ts';
import { listenForOperator } from './listen-for-operator.ts';
import type { LocalConfig } from './local-config.ts';
import { createLocalMetrics } from './metrics/local-metrics.ts';
import { SYNC_TRIGGER_NAME } from './names.ts';
import { openLocalService } from './open-local-service.ts';
import { createOperatorDeps } from './operator-deps.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { createProjectionTotals } from './projection-totals.ts';
import type { Resources } from './resources.ts';
import { listenForSql } from './sql-port/listen-for-sql.ts';
import { createWriteMonitor } from './write-monitor.ts';

export interface LocalCloud {
  /** URL of all services, for example `http://127.0.0.1:4580`. */
  url: string;
  /**
   * URL for `psql`. For the embedded database, it is the URL of the read-only SQL port. Otherwise, it is the URL of the
   * database server.
   */
  sqlUrl: string;
  dataDir: string;
  /** The database, so that tests can read and change it directly. */
  database: Database;
  /**
   * Deletes all data: streams, query store and sync store. Concurrent calls run one after another. If a call fails, the
   * services still run, and a later call deletes what was left.
   */
  reset(): Promise<void>;
  /**
   * Accepts no more requests of clients, and waits until those in flight are answered, for at most `timeoutMs`. Call it
   * before `close`, which ends the requests in flight.
   */
  drain(timeoutMs: number): Promise<DrainReport>;
  /**
   * Stops all services, and releases the ports and the data directory. Events that were not projected yet are projected
   * after the next start.
   */
  close(): Promise<void>;
}

/** The settings of all services. */
export interface ServicesConfig extends Omit<LocalConfig, 'dataDir' | 'databaseUrl'> {
  databaseUrl?: string | undefined;
  functions?: Readonly<Record<string, URL>>;
}

/** What `startLocalCloud` has started already. */
export interface Foundation {
  config: ServicesConfig;
  directory: DataDirectory;
  opening: Promise<LocalDatabase>;
  streams: KinesisProcess;
}

/** Starts all services on the database and the streams. What it starts is added to `started`. */
export async function startServices(foundation: Foundation, started: Resources): Promise<LocalCloud> {
  const { config, directory } = foundation;
  const { region, credentials, readOrigin } = config;
  const services = await openServices(foundation, () => port.url, started);
  const { functions, local, uses, opened, streamWrites, projection, activity } = services;
  const { service } = opened;
  const { database } = local;

  let running: Pipeline | undefined;
  const port = await openHttpPort(
    { ...services, config, pipeline: () => running, fetchPayload: (address) => fetchPayload(address) },
    started,
  );
  const { url } = port;
  // `started` closes resources in reverse order. The functions are registered a second time, so that they are closed
  // before the port: closing the port waits for requests in flight, and a request can wait for a function.
  started.defer(() => functions.close());
  const sqlUrl = await listenForSql(config, local, started);

  const client = createKinesisClient({ region, endpoint: url, credentials });
  started.defer(() => client.destroy());
  const policy = { regions: [region], ownOrigin: url };
  const fetchPayload = createPayloadFetch({ policy, now: Date.now });
  const operator = createOperatorDeps({ config, directory, local, opened, url, fetchPayload });
  await listenForOperator(operator, directory, started);

  const run = () =>
    startPipeline({
      client,
      local,
      uses,
      service,
      directory,
      url,
      credentials,
      region,
      fetchPayload,
      streamWrites,
      report(batch, records) {
        projection.add(batch);
        activity.reportBatch(batch, records);
      },
      readOrigin,
      originRates: opened.originRates,
    });
  running = await run();
  started.defer(() => running?.close());

  async function reset(): Promise<void> {
    await running?.close();
    running = undefined;
    try {
      await deleteAllData({ client, directory, database, region, service });
    } finally {
      running = await run();
    }
  }

  const resources = started.move();
  // A pipeline that a reset starts while the services are being closed would never be closed.
  const oneAtATime = pLimit(1);
  return {
    url,
    sqlUrl,
    dataDir: directory.path,
    database,
    reset: () => oneAtATime(reset),
    async drain(timeoutMs) {
      // The port would reject the requests of the poller like those of any client.
      await running?.stopPolling();
      return port.drain(timeoutMs);
    },
    close: () => oneAtATime(() => resources.disposeAsync()),
  };
}

/**
 * Opens the services behind the HTTP port: functions, database, Cognito Sync and Cognito Identity, and Kinesis.
 * @param origin returns the origin of the port; called only after the port is listening
 */
async function openServices(
  { config, directory, opening, streams }: Foundation,
  origin: () => string,
  started: Resources,
) {
  const { region, rulesFile } = config;
  const metrics = createLocalMetrics();
  const functions = createLocalFunctions({
    modules: { ...DEPLOYED, ...config.functions },
    region,
    rulesFile,
    onCount: metrics.onDecisions,
  });
  started.defer(() => functions.close());
  const activity = observeActivity(functions.invoke);
  // The sync trigger is loaded while the database is being opened. `loading` is awaited later; it never rejects.
  const loading = functions.load(SYNC_TRIGGER_NAME);
  const local = await opening;
  // Otherwise, devices would lose the identities that the restore has not written yet.
  await requireNoRestore(local.database);
  const writes = createWriteMonitor({ directory: directory.database, now: () => performance.now() });
  const uses = forEachUse((use) => writes.watch(local.uses[use]));
  await ensureFirstPool(local.database, region);
  const opened = await openLocalService({ config, directory, uses, activity, metrics, origin });
  started.defer(() => opened.service.close());
  const streamWrites = new EventTarget();
  // Each shard listens. Node warns above ten listeners.
  setMaxListeners(0, streamWrites);
  const kinesis = createKinesisEmulator(streams, opened.service.verify, () =>
    streamWrites.dispatchEvent(new Event('write')),
  );
  await kinesis.opened();
  const problem = await loading;
  if (problem !== undefined) throw new SetupError(problem);
  const projection = createProjectionTotals();
  return { metrics, functions, activity, local, writes, uses, opened, kinesis, streamWrites, projection };
}

/** The modules of the deployed functions that the local cloud invokes by ARN, by function name. */
const DEPLOYED = { [SYNC_TRIGGER_NAME]: new URL('../../functions/sync-trigger.ts', import.meta.url) };
