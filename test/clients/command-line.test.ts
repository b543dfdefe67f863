import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { emptyShell, isMissing, run } from './optional-program.ts';
import { createPlayerPool } from './player-pool.ts';

const missing = isMissing('the AWS CLI against the local cloud', 'aws', '--version');

/** Each call of the AWS CLI takes seconds. */
const TIMEOUT_MS = 120_000;

const { cloud } = await openLocalCloud();
const IdentityPoolId = await createPlayerPool(cloud.url);
const POOL = ['--identity-pool-id', IdentityPoolId];

type Credentials = Record<string, string>;
const DEVELOPER: Credentials = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

/** Runs the AWS CLI. @returns its JSON output; null if there is none */
async function aws(credentials: Credentials, ...args: string[]) {
  const env = emptyShell({
    AWS_ENDPOINT_URL: cloud.url,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_MAX_ATTEMPTS: '1',
    ...credentials,
  });
  const output = await run('aws', [...args, '--output', 'json'], env);
  return output.trim() === '' ? null : JSON.parse(output);
}

/** Gets credentials for a guest of the pool. @returns a function that calls Cognito Sync with them */
async function logInAsGuest() {
  const { IdentityId } = await aws({}, 'cognito-identity', 'get-id', ...POOL);
  const id = ['--identity-id', IdentityId];
  const { Credentials: issued } = await aws({}, 'cognito-identity', 'get-credentials-for-identity', ...id);
  const credentials: Credentials = {
    AWS_ACCESS_KEY_ID: issued.AccessKeyId,
    AWS_SECRET_ACCESS_KEY: issued.SecretKey,
    AWS_SESSION_TOKEN: issued.SessionToken,
  };
  return (operation: string, ...args: string[]) =>
    aws(credentials, 'cognito-sync', operation, ...POOL, ...id, ...args);
}

/** Each call costs two seconds of CPU time. So these tests omit what boto3.test.ts and documented.test.ts cover. */
describe.skipIf(missing)('the AWS CLI', { timeout: TIMEOUT_MS }, () => {
  const developer = (operation: string, ...args: string[]) =>
    aws(DEVELOPER, 'cognito-identity', operation, ...args);
  const GAME = ['--dataset-name', 'game'];

  it('reads, writes and deletes a dataset as a guest, and reports an error', async () => {
    const sync = await logInAsGuest();
    const listed = await sync('list-records', ...GAME);
    expect(listed).toMatchObject({ Records: [], DatasetExists: false, DatasetSyncCount: 0 });
    const patch = ['--record-patches', 'Op=replace,Key=level,Value=7,SyncCount=0'];
    const token = ['--sync-session-token', listed.SyncSessionToken];
    const updated = await sync('update-records', ...GAME, ...token, ...patch);
    expect(updated.Records).toMatchObject([{ Key: 'level', Value: '7', SyncCount: 1 }]);
    const again = sync('update-records', ...GAME, ...token, ...patch);
    await expect(again).rejects.toThrow(/\(InvalidParameterException\).*SyncSessionToken not valid/);
    const { Dataset } = await sync('delete-dataset', ...GAME);
    expect(Dataset).toMatchObject({ DatasetName: 'game', NumRecords: 1 });
  });

  it('lists pools and deletes one', async () => {
    const temporary = await createPlayerPool(cloud.url);
    const { IdentityPools } = await developer('list-identity-pools', '--max-results', '60');
    const listed = IdentityPools.map((pool: { IdentityPoolId: string }) => pool.IdentityPoolId);
    expect(listed).toEqual(expect.arrayContaining([IdentityPoolId, temporary]));
    expect(await developer('delete-identity-pool', '--identity-pool-id', temporary)).toBeNull();
    const gone = developer('describe-identity-pool', '--identity-pool-id', temporary);
    await expect(gone).rejects.toThrow(/\(ResourceNotFoundException\)/);
  });
});
