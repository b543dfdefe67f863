import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as timer } from 'node:timers/promises';

import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { deleteStream } from '../../lib/aws/kinesis-stream.ts';
import { openOperatedService } from '../../lib/aws/operated-service.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import { createSecretReader } from '../../lib/aws/secret-reader.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { isLoopback, LOOPBACK } from '../../lib/common/loopback.ts';
import { DEFAULT_RATE_LIMITS } from '../../lib/common/rate-limit-settings.ts';
import { readLoginMode } from '../../lib/common/read-login-settings.ts';
import type { Developers } from '../../lib/common/service-keys.ts';
import { DEFAULT_CONNECTIONS, forEachUse } from '../../lib/database/connections.ts';
import { type DataDirectory, takeDataDirectory } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import { openForOperator } from '../../lib/database/open-for-operator.ts';
import { type LocalDatabase, openDatabase } from '../../lib/database/open-local.ts';
import { emptyTables } from '../../lib/database/schema/empty-tables.ts';
import { trustLogin } from '../../lib/identity/user-of-token.ts';
import { createOriginRates } from '../../lib/move/origin-rates.ts';
import { readOriginSettings } from '../../lib/move/read-origin-settings.ts';
import { redriveEvent } from '../../lib/projection/redrive.ts';
import { createQuarantineStore } from '../../lib/projection/store/quarantine-store.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { createCursors } from '../../lib/query/cursors.ts';
import { createQueryReader } from '../../lib/query/store/query-reader.ts';
import { DEFAULT_RULES_FILE } from '../../lib/rules/file/rules-path.ts';
import { DEFAULT_LIMITS } from '../../lib/sync/limits.ts';
import { createOriginRule } from '../../lib/wire/origins.ts';
import { createFailureLogger } from '../../lib/wire/service/failure-logger.ts';
import { limitRates } from '../../lib/wire/service/limit-rates.ts';
import { openLoginVerifier } from '../../lib/wire/service/login-verifier.ts';
import type { CommandDeps } from '../cli/command.ts';
import { deployedMappingSettings } from './event-source-mapping/deployed-mapping-settings.ts';
import { ensureFirstPool } from './first-pool.ts';
import { createLocalFunctions } from './functions/local-functions.ts';
import { createHealthRoute, createLivenessRoute } from './http/health.ts';
import { type HttpServerOptions, requireFreePort, startHttpServer } from './http/http-server.ts';
import { portTaken } from './http/port-taken.ts';
import { createQueryRoute } from './http/query-route.ts';
import { createKinesisEmulator } from './kinesis/kinesis.ts';
import { type LocalConfig, mayTrustLogins } from './local-config.ts';
import { createLocalService } from './local-service.ts';
import { STREAM_NAME, SYNC_TRIGGER_NAME } from './names.ts';
import { openOperatorSocket } from './operator-socket.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { forgetProgress } from './projection.ts';
import { createProjectionTotals } from './projection-totals.ts';
import { startSqlPort } from './sql-port/sql-port.ts';
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
   * Stops all services, and releases the ports and the data directory. Events that were not projected yet are projected
   * after the next start.
   */
  close(): Promise<void>;
}

export interface LocalCloudOptions extends Partial<LocalConfig> {
  /**
   * URLs of modules that export `handler`, by function name. A function name is the last part of the function's ARN.
   * These functions are added to the deployed functions.
   */
  functions?: Readonly<Record<string, URL>>;
  /** Receives a line for the user that announces work that takes seconds, or reports a repair. */
  announce?: (line: string) => void;
  /**
   * Called if this process has lost the lock on the data directory, so another process may use the directory. This
   * process must then end immediately.
   */
  onLost?: (error: SetupError) => void;
}

/**
 * Starts the local cloud. It consists of the Cognito Sync API, Cognito Identity, Kinesis, the event source mapping, the
 * functions that `serverless.yml` deploys, and a database. The services share one HTTP port. Without options, the local
 * cloud is an instance for a test: it uses free ports and a temporary directory, which `close` removes.
 *
 * @throws {SetupError} a port is taken, the data directory is in use, the database is unavailable, or the sync rules
 * cannot be loaded
 */
export async function startLocalCloud(options: LocalCloudOptions = {}): Promise<LocalCloud> {
  await using started = new AsyncDisposableStack();
  const config = {
    host: '127.0.0.1',
    region: 'us-east-1',
    credentials: DEFAULT_CREDENTIALS,
    otherDevelopers: [],
    tokenKeys: null,
    port: 0,
    sqlPort: 0,
    rulesFile: DEFAULT_RULES_FILE,
    rateLimits: isLoopback(options.host ?? LOOPBACK) ? null : DEFAULT_RATE_LIMITS,
    origins: null,
    trustedProxies: [],
    limits: DEFAULT_LIMITS,
    logins: readLoginMode(
      {},
      mayTrustLogins(options.host ?? LOOPBACK, [
        options.credentials ?? DEFAULT_CREDENTIALS,
        ...(options.otherDevelopers ?? []),
      ]),
    ),
    readOrigin: (identityPoolId: string) => readOriginSettings({}, identityPoolId),
    loginProviders: new Map(),
    connections: DEFAULT_CONNECTIONS,
    ...options,
  };
  const { region, credentials, rulesFile } = config;
  const developers: Developers = [credentials, ...config.otherDevelopers];
  const limits = limitRates(config.rateLimits);
  const directory = await takeDirectory(options.dataDir, started);
  // The ports are checked before the database is created, because the creation takes seconds.
  await requireFreePort(config.host, config.port).catch(portTaken('PORT', config.port));
  if (options.databaseUrl === undefined) {
    await requireFreePort(loopbackFor(config.host), config.sqlPort).catch(
      portTaken('PG_PORT', config.sqlPort),
    );
  }
  const functions = createLocalFunctions({
    modules: { ...DEPLOYED, ...options.functions },
    region,
    rulesFile,
  });
  started.defer(() => functions.close());
  // The sync trigger is loaded while the database is being opened. `loading` is awaited later; it never rejects.
  const loading = functions.load(SYNC_TRIGGER_NAME);
  const { connections } = config;
  const { announce = () => undefined, onLost = () => undefined } = options;
  const local = await openDatabase(directory.database, options.databaseUrl, { connections, announce });
  started.defer(() => local.close());
  directory.watchLock({ onRestored: announce, onLost });
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
    invokeFunction: functions.invoke,
    limits: config.limits,
    developers,
    tokenKeys,
    rateLimits: limits,
    region,
    verifyLogin: logins?.verify ?? trustLogin,
    readOrigin: config.readOrigin,
    originRates,
    // `origin` is called only once the port is listening. `url` is set by then.
    origin: () => url,
  });
  started.defer(() => service.close());
  const kinesis = createKinesisEmulator(directory.kinesis, service.verify);
  started.defer(() => kinesis.close());

  let running: Pipeline | undefined;
  const projection = createProjectionTotals();
  const health = createHealthRoute(() => ({
    database: local.kind,
    writes: writes.status(),
    logins: { mode: config.logins, keySets: logins?.keySets() ?? [] },
    projection: projection.totals(),
    mappings: running ? running.mappings().map((mapping) => mapping.status()) : [],
    schedules: running ? running.schedules() : [],
  }));
  await kinesis.opened();
  const problem = await loading;
  if (problem !== undefined) throw new SetupError(problem);
  const { host, port, trustedProxies } = config;
  const queries = createQueryRoute(async () => {
    // Loaded on use, because loading its packages would delay every start.
    const { createQueryApi } = await import('../../lib/wire/query/query-api.ts');
    const quarantine = createQuarantineStore(uses.jobs);
    const store = { ...createQueryStore(uses.jobs), ...quarantine };
    return createQueryApi({
      reader: createQueryReader(uses.jobs),
      quarantine: {
        ...quarantine,
        redrive: (id, edited) => redriveEvent({ store, fetchPayload }, id, edited),
      },
      cursors: createCursors(tokenKeys),
      logger: createFailureLogger('query-api'),
    });
  }, service.verify);
  const routes = [health, createLivenessRoute(), queries, ...service.routes, kinesis];
  const acceptsOrigin = createOriginRule(config.origins, developers);
  const logger = createFailureLogger('http-port');
  const url: string = await listen({ host, port, routes, acceptsOrigin, trustedProxies, logger }, started);
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
    databaseUrl: options.databaseUrl,
    database,
    fetchPayload,
    openService,
    openOrigin: openOriginOf,
    offloading: service.offloading,
    describeLogins,
  };
  await listenForOperator(operator, directory, started);
  const report = projection.add;
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
    close: () => resources.disposeAsync(),
  };
}

/** The modules of the deployed functions that the local cloud invokes by ARN, by function name. */
const DEPLOYED = { [SYNC_TRIGGER_NAME]: new URL('../../functions/sync-trigger.ts', import.meta.url) };

async function listen(options: HttpServerOptions, started: AsyncDisposableStack): Promise<string> {
  const listening = await startHttpServer(options).catch(portTaken('PORT', options.port));
  started.defer(() => listening.close());
  return `http://${bracketed(loopbackFor(options.host))}:${listening.port}`;
}

/**
 * Opens the SQL port for the embedded database.
 * @returns the URL for `psql`; for a database server, this is the URL of that server
 */
async function listenForSql(
  { host, sqlPort, databaseUrl }: Pick<LocalConfig, 'host' | 'sqlPort'> & Partial<LocalConfig>,
  { kind, database }: LocalDatabase,
  started: AsyncDisposableStack,
): Promise<string> {
  if (kind === 'server') return databaseUrl ?? '';
  const address = loopbackFor(host);
  const listening = await startSqlPort({ host: address, port: sqlPort, database }).catch(
    portTaken('PG_PORT', sqlPort),
  );
  started.defer(() => listening.close());
  return `postgres://postgres@${bracketed(address)}:${listening.port}/postgres`;
}

/**
 * Opens the operator socket. If the database is a server, the operator's commands use their own connections, without
 * the statement timeout.
 */
async function listenForOperator(
  {
    databaseUrl,
    database,
    ...more
  }: Omit<CommandDeps, 'print' | 'write' | 'progress' | 'signal' | 'now'> & {
    databaseUrl: string | undefined;
  },
  { operatorSocket }: DataDirectory,
  started: AsyncDisposableStack,
): Promise<void> {
  const own =
    databaseUrl === undefined
      ? undefined
      : openForOperator({ kind: 'postgresql', url: databaseUrl }, createSecretReader);
  started.defer(async () => own?.close());
  const listening = await openOperatorSocket({
    path: operatorSocket,
    deps: { database: own ?? database, ...more, now: Date.now },
  });
  started.defer(() => listening.close());
}

async function takeDirectory(
  path: string | undefined,
  started: AsyncDisposableStack,
): Promise<DataDirectory> {
  if (path === undefined) {
    const temporary = await mkdtemp(join(tmpdir(), 'cognito-sync-backend-'));
    started.defer(() => rm(temporary, { recursive: true, force: true }));
    return takeDirectory(temporary, started);
  }
  const directory = await takeDataDirectory(path);
  started.defer(() => directory.release());
  return directory;
}

/** Returns the loopback address on which this machine reaches a listener on `host`. */
function loopbackFor(host: string): string {
  return isLoopback(host) ? host : LOOPBACK;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
