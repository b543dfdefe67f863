import { randomUUID } from 'node:crypto';
import {
  CognitoSyncServiceException,
  createCognitoSyncClient,
} from '../../../lib/aws/cognito-sync-client.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { onBrokenPipe } from '../broken-pipe.ts';
import { readClientConfig } from '../client-config.ts';
import { createDevice } from './demo-device.ts';
import { runDemo } from './run-demo.ts';

/** `npm run demo`: runs the demo with two devices against a running local cloud. */
onBrokenPipe([process.stdout, process.stderr], () => process.exit());
try {
  const { url, sqlUrl, region, credentials } = readClientConfig(process.env);
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
      database,
      print: console.log,
    });
  } finally {
    client.destroy();
    await database.close();
  }
} catch (error) {
  const expected = explain(error);
  console.error(expected === null ? error : `cognito-sync-backend: ${expected}`);
  process.exitCode = 1;
}

/** Returns the message for a mistake in the setup; null for any other error. */
function explain(error: unknown): string | null {
  if (error instanceof SetupError) return error.message;
  if (error instanceof CognitoSyncServiceException) {
    return `the service returned ${error.name}: ${error.message}; check that AWS_REGION and the credentials in this terminal are those that \`npm start\` printed`;
  }
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ECONNREFUSED') {
    return 'the local cloud cannot be reached; run `npm start` in another terminal first. If you set AWS_ENDPOINT_URL, PORT, PG_PORT or DATABASE_URL there, set it to the same value in this terminal';
  }
  return null;
}
