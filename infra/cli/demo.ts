import { randomUUID } from 'node:crypto';
import { createCognitoSyncClient } from '../../lib/aws/cognito-sync-client.ts';
import { readClientConfig } from '../../lib/config.ts';
import { SetupError } from '../../lib/errors.ts';
import { openPg } from '../../lib/store/pg-database.ts';
import { createDevice } from './demo-device.ts';
import { runDemo } from './run-demo.ts';

/** `npm run demo`: two devices and a question, against a local cloud that runs. */
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
  const text = isNotThere(error)
    ? `nothing answers at the local cloud; run \`npm start\` in another terminal first, or set PORT and PG_PORT as there (${messageOf(error)})`
    : messageOf(error);
  console.error(error instanceof SetupError || isNotThere(error) ? `cognito-sync-backend: ${text}` : error);
  process.exitCode = 1;
}

function isNotThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || String(error) : String(error);
}
