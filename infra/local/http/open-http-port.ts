import { bracketed, loopbackFor } from '../../../lib/common/loopback.ts';
import type { DatabaseUse } from '../../../lib/database/connections.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { LocalDatabase } from '../../../lib/database/open-local.ts';
import type { FetchPayload } from '../../../lib/stream/ports/fetch-payload.ts';
import { createOriginRule } from '../../../lib/wire/origins.ts';
import { createFailureLogger } from '../../../lib/wire/service/failure-logger.ts';
import type { KinesisEmulator } from '../kinesis/kinesis.ts';
import type { LocalConfig } from '../local-config.ts';
import { connectionMetrics, createDatabaseMetrics } from '../metrics/database-metrics.ts';
import type { LocalMetrics } from '../metrics/local-metrics.ts';
import { processMetrics } from '../metrics/process-metrics.ts';
import type { OpenedService } from '../open-local-service.ts';
import type { Pipeline } from '../pipeline.ts';
import type { ProjectionTotals } from '../projection-totals.ts';
import type { Resources } from '../resources.ts';
import type { WriteMonitor } from '../write-monitor.ts';
import { createConsoleRoute } from './console-route.ts';
import { createDrain, type Drain } from './drain.ts';
import { createHealthRoute, createLivenessRoute } from './health.ts';
import { type HttpServer, type Route, startHttpServer } from './http-server.ts';
import { createMetricsRoute } from './metrics-route.ts';
import { portTaken } from './port-taken.ts';
import { createQueryRoute } from './query-route.ts';
import { createRulesRoute } from './rules-route.ts';

interface HttpPortDeps {
  config: Omit<LocalConfig, 'dataDir' | 'databaseUrl'>;
  opened: OpenedService;
  local: LocalDatabase;
  uses: Readonly<Record<DatabaseUse, Database>>;
  writes: WriteMonitor;
  kinesis: KinesisEmulator;
  activity: { route: Route };
  metrics: LocalMetrics;
  projection: { totals: () => ProjectionTotals };
  /** Returns the pipeline; undefined while the local cloud starts. */
  pipeline: () => Pipeline | undefined;
  /** Called only after the port is listening. */
  fetchPayload: FetchPayload;
}

/** The port of all services. */
export interface HttpPort extends Pick<HttpServer, 'drain'> {
  /** For example `http://127.0.0.1:4580`. */
  url: string;
}

/** Opens the HTTP port. @throws {SetupError} the port is taken */
export async function openHttpPort(deps: HttpPortDeps, started: Resources): Promise<HttpPort> {
  const { host, port, trustedProxies, origins } = deps.config;
  const { service, developers } = deps.opened;
  const drain = createDrain();
  const listening = await startHttpServer({
    drain,
    host,
    port,
    routes: [
      ...createStateRoutes(deps, drain),
      deps.activity.route,
      ...createReadRoutes(deps),
      ...service.routes,
      deps.kinesis,
    ],
    acceptsOrigin: createOriginRule(origins, developers),
    trustedProxies,
    logger: createFailureLogger('http-port'),
  }).catch(portTaken('PORT', port));
  started.defer(() => listening.close());
  return { url: `http://${bracketed(loopbackFor(host))}:${listening.port}`, drain: listening.drain };
}

/** Creates the routes that show the state of the local cloud. */
function createStateRoutes(
  { config, opened: { logins }, local, uses, writes, metrics, projection, pipeline }: HttpPortDeps,
  { hasStarted }: Drain,
): Route[] {
  const readStored = createDatabaseMetrics(uses.jobs);
  return [
    createHealthRoute(() => ({
      isStopping: hasStarted(),
      database: local.kind,
      writes: writes.status(),
      logins: { mode: config.logins, keySets: logins?.keySets() ?? [] },
      projection: projection.totals(),
      ...statusOf(pipeline()),
    })),
    createLivenessRoute(),
    createMetricsRoute(async () => [
      ...metrics.read({ ...statusOf(pipeline()), projection: projection.totals() }),
      ...(await readStored()),
      ...connectionMetrics(uses),
      ...processMetrics(),
    ]),
  ];
}

/** Creates the routes of the query API and of the console. */
function createReadRoutes({ config, opened, local, uses, fetchPayload }: HttpPortDeps): Route[] {
  const { service, developers, tokenKeys } = opened;
  const queries = createQueryRoute(async () => {
    // Loaded on use, because loading its packages would delay every start.
    const { openQueryApi } = await import('../open-query-api.ts');
    return openQueryApi({ queries: local.queries, jobs: uses.jobs, tokenKeys, fetchPayload });
  }, service.verify);
  return [
    queries,
    createRulesRoute(config.rulesFile),
    createConsoleRoute({ region: config.region, developers }),
  ];
}

function statusOf(pipeline: Pipeline | undefined) {
  return {
    mappings: pipeline ? pipeline.mappings().map((mapping) => mapping.status()) : [],
    schedules: pipeline ? pipeline.schedules() : [],
  };
}
