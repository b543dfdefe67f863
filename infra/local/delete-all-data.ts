import type { KinesisClient } from '../../lib/aws/kinesis-client.ts';
import { deleteStreams } from '../../lib/aws/kinesis-stream.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import { emptyTables } from '../../lib/database/schema/empty-tables.ts';
import { ensureFirstPool } from './first-pool.ts';
import type { LocalService } from './local-service.ts';
import { forgetProgress } from './projection.ts';

interface DeleteDeps {
  client: KinesisClient;
  directory: DataDirectory;
  database: Database;
  region: string;
  service: Pick<LocalService, 'emptyInbox'>;
}

/**
 * Deletes all data of a local cloud: the streams, also those that clients created, the tables and the push inbox.
 * Creates the first pool again. The pipeline must not run in the meantime.
 */
export async function deleteAllData({
  client,
  directory,
  database,
  region,
  service,
}: DeleteDeps): Promise<void> {
  await deleteStreams(client);
  await forgetProgress(directory.eventSourceMappings);
  await emptyTables(database);
  service.emptyInbox();
  await ensureFirstPool(database, region);
}
