import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import type { SetupError } from '../../lib/common/errors.ts';
import { isLoopback, LOOPBACK, loopbackFor } from '../../lib/common/loopback.ts';
import { DEFAULT_RATE_LIMITS } from '../../lib/common/rate-limit-settings.ts';
import { readLoginMode } from '../../lib/common/read-login-settings.ts';
import { DEFAULT_CONNECTIONS } from '../../lib/database/connections.ts';
import { type DataDirectory, takeDataDirectory } from '../../lib/database/data-directory.ts';
import { openDatabase } from '../../lib/database/open-local.ts';
import { SERVICE_SESSION } from '../../lib/database/session-name.ts';
import { readOriginSettings } from '../../lib/move/read-origin-settings.ts';
import { readRulesFile } from '../../lib/rules/file/rules-path.ts';
import { DEFAULT_LIMITS } from '../../lib/sync/limits.ts';
import { requireFreePort } from './http/listen.ts';
import { portTaken } from './http/port-taken.ts';
import { createKinesisProcess } from './kinesis/kinesis-process.ts';
import { type LocalConfig, mayTrustLogins } from './local-config.ts';
import { Resources } from './resources.ts';
import type { LocalCloud } from './start-services.ts';

export type { LocalCloud };

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
 * This module imports only what is needed before it starts to open the database. Other modules are imported while the
 * database is being opened.
 *
 * @throws {SetupError} a port is taken, the data directory is in use, the database is unavailable, or the sync rules
 * cannot be loaded
 */
export async function startLocalCloud(options: LocalCloudOptions = {}): Promise<LocalCloud> {
  await using started = new Resources();
  const config = {
    host: '127.0.0.1',
    region: 'us-east-1',
    credentials: DEFAULT_CREDENTIALS,
    otherDevelopers: [],
    tokenKeys: null,
    port: 0,
    sqlPort: 0,
    rulesFile: readRulesFile({}),
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
    pushProviders: new Map(),
    connections: DEFAULT_CONNECTIONS,
    ...options,
  };
  const { announce = () => undefined, onLost = () => undefined, databaseUrl } = options;
  const directory = await takeDirectory(options.dataDir, started);
  // The ports are checked before the database is created, because the creation takes seconds.
  await requireFreePort(config.host, config.port).catch(portTaken('PORT', config.port));
  if (databaseUrl === undefined) {
    await requireFreePort(loopbackFor(config.host), config.sqlPort).catch(
      portTaken('PG_PORT', config.sqlPort),
    );
  }
  directory.watchLock({ onRestored: announce, onLost });
  // The database and the emulator start in a thread and a process of their own. At the same time, this thread loads the
  // modules of the services, which takes as long.
  const { connections } = config;
  const opening = openDatabase(directory.database, databaseUrl, {
    connections,
    announce,
    sessionName: SERVICE_SESSION,
  });
  started.defer(() =>
    opening.then(
      (database) => database.close(),
      () => undefined,
    ),
  );
  const streams = createKinesisProcess(directory.kinesis);
  started.defer(() => streams.close());
  const { startServices } = await import('./start-services.ts');
  // Without `await`, `started` would be disposed before the services have started.
  return await startServices({ config, directory, opening, streams }, started);
}

async function takeDirectory(path: string | undefined, started: Resources): Promise<DataDirectory> {
  if (path === undefined) {
    const temporary = await mkdtemp(join(tmpdir(), 'cognito-sync-backend-'));
    started.defer(() => rm(temporary, { recursive: true, force: true }));
    return takeDirectory(temporary, started);
  }
  const directory = await takeDataDirectory(path);
  started.defer(() => directory.release());
  return directory;
}
