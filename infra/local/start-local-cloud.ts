import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProjectStream } from '../../functions/project-stream.ts';
import { createKinesisClient } from '../../lib/aws/kinesis-client.ts';
import { createKinesisReader } from '../../lib/aws/kinesis-reader.ts';
import { deleteStream, ensureStream } from '../../lib/aws/kinesis-stream.ts';
import { DEFAULT_CREDENTIALS, type LocalConfig } from '../../lib/config.ts';
import type { Database } from '../../lib/store/database.ts';
import { createQueryStore } from '../../lib/store/query-store.ts';
import { createLogger } from '../../lib/telemetry.ts';
import { createSigV4Verifier } from '../../lib/wire/sigv4.ts';
import { type DataDirectory, takeDataDirectory } from './data-directory.ts';
import { openCheckpointFile } from './event-source-mapping/checkpoint-file.ts';
import { deployedMappingSettings } from './event-source-mapping/deployed-mapping-settings.ts';
import {
  type EventSourceMapping,
  startEventSourceMapping,
} from './event-source-mapping/event-source-mapping.ts';
import { createHealthRoute } from './health.ts';
import { createKinesisEmulator } from './kinesis.ts';
import { createLambdaContext } from './lambda-context.ts';
import { STREAM_NAME, streamArn } from './names.ts';
import { openDatabase } from './open-database.ts';
import { startPort } from './port.ts';
import { portTaken } from './port-taken.ts';
import { startSqlPort } from './sql-port/sql-port.ts';

export interface LocalCloud {
  /** Where every service answers, such as `http://127.0.0.1:4580`. */
  url: string;
  /** Where `psql` reads: the read-only front of the embedded database, or the server itself. */
  sqlUrl: string;
  dataDir: string;
  /** The database itself, for tests to look into. */
  database: Database;
  /** Empties stream and query store. */
  reset(): Promise<void>;
  /** Stops everything and frees ports and lock; events under way are projected at the next start. */
  close(): Promise<void>;
}

const FUNCTION_NAME = 'project-stream';

/**
 * Starts the local cloud: Kinesis, event source mapping, the functions that `serverless.yml` deploys, and a database,
 * behind one HTTP port. Without options it takes free ports and a temporary directory, which `close` removes: an
 * instance for a test.
 *
 * @throws {SetupError} a port is taken, the data directory in use, the database not there
 */
export async function startLocalCloud(options: Partial<LocalConfig> = {}): Promise<LocalCloud> {
  await using started = new AsyncDisposableStack();
  const { host = '127.0.0.1', region = 'us-east-1', credentials = DEFAULT_CREDENTIALS } = options;
  const directory = await takeDirectory(options.dataDir, started);

  const { kind, database } = await openDatabase(directory.database, options.databaseUrl);
  started.defer(() => database.close());

  const secretOf = (id: string) => (id === credentials.accessKeyId ? credentials.secretAccessKey : undefined);
  const kinesis = createKinesisEmulator(
    directory.kinesis,
    createSigV4Verifier({ region, secretOf, now: Date.now }),
  );
  started.defer(() => kinesis.close());

  let mapping: EventSourceMapping | undefined;
  const health = createHealthRoute(() => ({ database: kind, mappings: mapping ? [mapping.status()] : [] }));
  const port = await startPort({ host, port: options.port ?? 0, routes: [health, kinesis] }).catch(
    portTaken('PORT', options.port),
  );
  started.defer(() => port.close());
  const url = `http://${bracketed(host)}:${port.port}`;

  let sqlUrl = options.databaseUrl ?? '';
  if (kind === 'embedded') {
    const sqlPort = await startSqlPort({ host, port: options.sqlPort ?? 0, database }).catch(
      portTaken('PG_PORT', options.sqlPort),
    );
    started.defer(() => sqlPort.close());
    sqlUrl = `postgres://postgres@${bracketed(host)}:${sqlPort.port}/postgres`;
  }

  const client = createKinesisClient({ region, endpoint: url, credentials });
  started.defer(() => client.destroy());
  await ensureStream(client, STREAM_NAME);
  const logger = createLogger(FUNCTION_NAME);
  const projectStream = createProjectStream({ store: createQueryStore(database), logger });
  const startMapping = async () =>
    startEventSourceMapping({
      reader: createKinesisReader(client),
      streamName: STREAM_NAME,
      streamArn: streamArn(region),
      region,
      functionName: FUNCTION_NAME,
      settings: deployedMappingSettings(),
      invoke: (event) => projectStream(event, createLambdaContext(FUNCTION_NAME, region)),
      checkpoints: await openCheckpointFile({
        directory: directory.eventSourceMappings,
        functionName: FUNCTION_NAME,
        streamName: STREAM_NAME,
      }),
      logger,
    });
  mapping = await startMapping();
  started.defer(() => mapping?.close());

  const running = started.move();
  return {
    url,
    sqlUrl,
    dataDir: directory.path,
    database,
    async reset() {
      await mapping?.close();
      await deleteStream(client, STREAM_NAME);
      await rm(directory.eventSourceMappings, { recursive: true, force: true });
      for (const table of ['datasets', 'records', 'quarantine'])
        await database.query(`TRUNCATE projection.${table}`);
      await ensureStream(client, STREAM_NAME);
      mapping = await startMapping();
    },
    close: () => running.disposeAsync(),
  };
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

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
