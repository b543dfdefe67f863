import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { emptyShell, isMissing, run } from './optional-program.ts';
import { createPlayerPool } from './player-pool.ts';

const missing = isMissing('the AWS CLI against the local cloud', 'aws', '--version');

/** The AWS CLI alone takes seconds for each of its calls. */
const PATIENCE_MS = 120_000;

const { cloud } = await openLocalCloud();
const IdentityPoolId = await createPlayerPool(cloud.url);
const POOL = ['--identity-pool-id', IdentityPoolId];

type Credentials = Record<string, string>;
const DEVELOPER: Credentials = { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' };

/** @returns what it printed, as JSON; null where it was nothing */
async function aws(credentials: Credentials, ...args: string[]) {
  const env = emptyShell({
    AWS_ENDPOINT_URL: cloud.url,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_MAX_ATTEMPTS: '1',
    ...credentials,
  });
  const printed = await run('aws', [...args, '--output', 'json'], env);
  return printed.trim() === '' ? null : JSON.parse(printed);
}

/** A guest of the pool, with credentials in the environment as a shell exports them. */
async function becomeGuest() {
  const { IdentityId } = await aws({}, 'cognito-identity', 'get-id', ...POOL);
  const asked = ['--identity-id', IdentityId];
  const { Credentials: given } = await aws({}, 'cognito-identity', 'get-credentials-for-identity', ...asked);
  const credentials: Credentials = {
    AWS_ACCESS_KEY_ID: given.AccessKeyId,
    AWS_SECRET_ACCESS_KEY: given.SecretKey,
    AWS_SESSION_TOKEN: given.SessionToken,
  };
  return (operation: string, ...args: string[]) =>
    aws(credentials, 'cognito-sync', operation, ...POOL, ...asked, ...args);
}

/** Each call takes two seconds of a processor: what boto3.test.ts and documented.test.ts prove is left to them. */
describe.skipIf(missing)('the AWS CLI', { timeout: PATIENCE_MS }, () => {
  const developer = (operation: string, ...args: string[]) =>
    aws(DEVELOPER, 'cognito-identity', operation, ...args);
  const GAME = ['--dataset-name', 'game'];

  it('reads, writes and deletes a dataset as a guest, and names a refusal', async () => {
    const sync = await becomeGuest();
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
    const unwanted = await createPlayerPool(cloud.url);
    const { IdentityPools } = await developer('list-identity-pools', '--max-results', '60');
    const listed = IdentityPools.map((pool: { IdentityPoolId: string }) => pool.IdentityPoolId);
    expect(listed).toEqual(expect.arrayContaining([IdentityPoolId, unwanted]));
    expect(await developer('delete-identity-pool', '--identity-pool-id', unwanted)).toBeNull();
    const gone = developer('describe-identity-pool', '--identity-pool-id', unwanted);
    await expect(gone).rejects.toThrow(/\(ResourceNotFoundException\)/);
  });
});
