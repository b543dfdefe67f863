import { expect, it } from 'vitest';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { createCognitoIdentityClient } from '../../../lib/aws/identity-deletion.ts';
import { createKinesisClient } from '../../../lib/aws/kinesis-client.ts';
import { DEFAULT_CREDENTIALS } from '../../../lib/common/environment.ts';

it.each([
  ['Cognito Sync', createCognitoSyncClient],
  ['Cognito Identity', createCognitoIdentityClient],
  ['Kinesis', createKinesisClient],
])('a client of %s does not change the credentials that it receives', async (_, createClient) => {
  const given = { ...DEFAULT_CREDENTIALS };
  const client = createClient({ region: 'us-east-1', credentials: given });
  expect(await client.config.credentials()).toMatchObject(DEFAULT_CREDENTIALS);
  expect(given).toEqual(DEFAULT_CREDENTIALS);
  client.destroy();
});
