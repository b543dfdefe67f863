import { randomUUID } from 'node:crypto';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { readOptions } from '../arguments.ts';
import { readClientConfig } from '../client-config.ts';
import { type ProcessCommand, type ProcessDeps, UsageError } from '../command.ts';
import { createDevice } from '../demo/demo-device.ts';
import { runDemo } from '../demo/run-demo.ts';
import { explainClientFailure } from '../explain-client-failure.ts';

/** Shows two devices that share a dataset, on a running local cloud. */
export const demo: ProcessCommand = {
  prepare(args) {
    const { keep, json } = readOptions('demo', args, { keep: { type: 'boolean', default: false } });
    if (json) throw new UsageError('demo prints only text');
    return (deps) => run(deps, keep);
  },
};

async function run({ env, print }: ProcessDeps, keepsData: boolean): Promise<void> {
  const { url, sqlUrl, region, credentials } = readClientConfig(env);
  const client = createCognitoSyncClient({ region, endpoint: url, credentials });
  const database = openPg({ connectionString: sqlUrl, maxConnections: 1 });
  const dataset = {
    IdentityPoolId: `${region}:00000000-0000-4000-8000-000000000001`,
    IdentityId: `${region}:${randomUUID()}`,
    DatasetName: 'savegame',
  };
  try {
    // If the query store cannot be read, this query fails before the demo writes anything.
    await database.query('SELECT 1 FROM query.records LIMIT 1');
    await runDemo({
      phone: createDevice('phone', client, dataset),
      tablet: createDevice('tablet', client, dataset),
      identityId: dataset.IdentityId,
      keepsData,
      database,
      print,
    });
  } catch (error) {
    throw explainClientFailure(error);
  } finally {
    client.destroy();
    await database.close();
  }
}
