import { join } from 'node:path';
import { setTimeout as timer } from 'node:timers/promises';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { deleteStream } from '../../lib/aws/kinesis-stream.ts';
import { openOperatedService } from '../../lib/aws/operated-service.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { bracketed, loopbackFor } from '../../lib/common/loopback.ts';
import type { Developers } from '../../lib/common/service-keys.ts';
import { forEachUse } from '../../lib/database/connections.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import type { LocalDatabase } from '../../lib/database/open-local.ts';
import { emptyTables } from '../../lib/database/schema/empty-tables.ts';
import { trustLogin } from '../../lib/identity/user-of-token.ts';
import { createOriginRates } from '../../lib/move/origin-rates.ts';
import { createOriginRule } from '../../lib/wire/origins.ts';
import { createFailureLogger } from '../../lib/wire/service/failure-logger.ts';
import { limitRates } from '../../lib/wire/service/limit-rates.ts';
import { openLoginVerifier } from '../../lib/wire/service/login-verifier.ts';
import type { CommandDeps } from '../cli/command.ts';
import { observeActivity } from './activity/observe-activity.ts';
import { deployedMappingSettings } from './event-source-mapping/deployed-mapping-settings.ts';
import { ensureFirstPool } from './first-pool.ts';
import { createLocalFunctions } from './functions/local-functions.ts';
import { createConsoleRoute } from './http/console-route.ts';
import type { DrainReport } from './http/drain.ts';
import { createHealthRoute, createLivenessRoute } from './http/health.ts';
import { type HttpServer, type HttpServerOptions, startHttpServer } from './http/http-server.ts';
import { createMetricsRoute } from './http/metrics-route.ts';
import { portTaken } from './http/port-taken.ts';
import { createQueryRoute } from './http/query-route.ts';
import { createRulesRoute } from './http/rules-route.ts';
import { createKinesisEmulator } from './kinesis/kinesis.ts';
import type { KinesisProcess } from './kinesis/kinesis-process.ts';
import { listenForOperator } from './listen-for-operator.ts';
import type { LocalConfig } from './local-config.ts';
import { createLocalService } from './local-service.ts';
import { connectionMetrics, createDatabaseMetrics } from './metrics/database-metrics.ts';
import { createLocalMetrics } from './metrics/local-metrics.ts';
import { processMetrics } from './metrics/process-metrics.ts';
import { STREAM_NAME, SYNC_TRIGGER_NAME } from './names.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { forgetProgress, type ReportBatch } from './projection.ts';
import { createProjectionTotals } from './projection-totals.ts';
import type { Resources } from './resources.ts';
import { listenForSql } from './sql-port/listen-for-sql.ts';
import { readTokenKey } from './token-key.ts';
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
  /** Empties the stream, the query store and the sync store. */
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
export async function startServices(
  { config, directory, opening, streams }: Foundation,
  started: Resources,
): Promise<LocalCloud> {
  const { region, credentials, rulesFile } = config;
  const developers: Developers = [credentials, ...config.otherDevelopers];
  const limits = limitRates(config.rateLimits);
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
  const { database } = local;
  const writes = createWriteMonitor({ directory: directory.database, now: () => performance.now() });
  const uses = forEachUse((use) => writes.watch(local.uses[use]));
  await ensureFirstPool(database, region);

  const tokenKeys = config.tokenKeys ?? [await readTokenKey(directory.tokenKey)];
  const logins = config.logins === 'trusted' ? null : openLoginVerifier(config.loginProviders);
  const originRates = createOriginRates({
    now: Date.now,
    sleep: (ms) => timer(ms, undefined, { ref: false }),
  });
  const service = createLocalService({
    uses,
    feed: activity.feed,
    watchCall: activity.watchCall,
    invokeFunction: metrics.countCalls(activity.invokeFunction),
    observer: metrics.requests,
    limits: config.limits,
    developers,
    tokenKeys,
    rateLimits: limits,
    region,
    verifyLogin: logins?.verify ?? trustLogin,
    pushProviders: config.pushProviders,
    readOrigin: config.readOrigin,
    originRates,
    // `origin` is called only once the port is listening. `url` is set by then.
    origin: () => url,
  });
  started.defer(() => service.close());
  const kinesis = createKinesisEmulator(streams, service.verify);

  let running: Pipeline | undefined;
  const projection = createProjectionTotals();
  const health = createHealthRoute(() => ({
    database: local.kind,
    writes: writes.status(),
    logins: { mode: config.logins, keySets: logins?.keySets() ?? [] },
    projection: projection.totals(),
    ...statusOf(running),
  }));
  const readStored = createDatabaseMetrics(uses.jobs);
  const metricsRoute = createMetricsRoute(async () => [
    ...metrics.read({ ...statusOf(running), projection: projection.totals() }),
    ...(await readStored()),
    ...connectionMetrics(uses),
    ...processMetrics(),
  ]);
  await kinesis.opened();
  const problem = await loading;
  if (problem !== undefined) throw new SetupError(problem);
  const { host, port, trustedProxies } = config;
  const queries = createQueryRoute(async () => {
    // Loaded on use, because loading its packages would delay every start.
    const { openQueryApi } = await import('./open-query-api.ts');
    return openQueryApi({ queries: local.queries, jobs: uses.jobs, tokenKeys, fetchPayload });
  }, service.verify);
  const consoleRoutes = [createRulesRoute(rulesFile), createConsoleRoute({ region, developers })];
  const routes = [
    health,
    createLivenessRoute(),
    metricsRoute,
    activity.route,
    queries,
    ...consoleRoutes,
    ...service.routes,
    kinesis,
  ];
  const acceptsOrigin = createOriginRule(config.origins, developers);
  const logger = createFailureLogger('http-port');
  const listening = await listen({ host, port, routes, acceptsOrigin, trustedProxies, logger }, started);
  const url = `http://${bracketed(loopbackFor(host))}:${listening.port}`;
  // `started` closes resources in reverse order. The functions are registered a second time, so that they are closed
  // before the port: closing the port waits for requests in flight, and a request can wait for a function.
  started.defer(() => functions.close());
  const sqlUrl = await listenForSql(config, local, started);

  const client = createKinesisClient({ region, endpoint: url, credentials });
  started.defer(() => client.destroy());
  const policy = { regions: [region], ownOrigin: url };
  const fetchPayload = createPayloadFetch({ policy, now: Date.now });
  const openService = async () =>
    openOperatedService({
      endpoint: url,
      credentials,
      region,
      failures: join(directory.eventSourceMappings, 'failures'),
      parallelizationFactor: deployedMappingSettings().parallelizationFactor,
    });
  const describeLogins: CommandDeps['describeLogins'] = async (pool) => logins?.describe(pool) ?? null;
  const openOriginOf = async (identityPoolId: string) => openOrigin(config.readOrigin(identityPoolId));
  const operator = {
    databaseUrl: config.databaseUrl,
    database,
    queries: local.queries,
    dataDir: directory.path,
    usesTokenKeyFile: () => config.tokenKeys === null,
    fetchPayload,
    openService,
    openOrigin: openOriginOf,
    offloading: service.offloading,
    describeLogins,
  };
  await listenForOperator(operator, directory, started);
  const report: ReportBatch = (batch, records) => {
    projection.add(batch);
    activity.reportBatch(batch, records);
  };
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
      report,
      readOrigin: config.readOrigin,
      originRates,
    });
  running = await run();
  started.defer(() => running?.close());

  const resources = started.move();
  return {
    url,
    sqlUrl,
    dataDir: directory.path,
    database,
    async reset() {
      await running?.close();
      await deleteStream(client, STREAM_NAME);
      await forgetProgress(directory.eventSourceMappings);
      await emptyTables(database);
      service.emptyInbox();
      await ensureFirstPool(database, region);
      running = await run();
    },
    drain: listening.drain,
    close: () => resources.disposeAsync(),
  };
}

/** @param pipeline undefined while the local cloud starts */
function statusOf(pipeline: Pipeline | undefined) {
  return {
    mappings: pipeline ? pipeline.mappings().map((mapping) => mapping.status()) : [],
    schedules: pipeline ? pipeline.schedules() : [],
  };
}

/** The modules of the deployed functions that the local cloud invokes by ARN, by function name. */
const DEPLOYED = { [SYNC_TRIGGER_NAME]: new URL('../../functions/sync-trigger.ts', import.meta.url) };

async function listen(options: HttpServerOptions, started: Resources): Promise<HttpServer> {
  const listening = await startHttpServer(options).catch(portTaken('PORT', options.port));
  started.defer(() => listening.close());
  return listening;
}
