import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { emptyShell, isMissing, run } from './optional-program.ts';
import { createPlayerPool, DEVELOPER_PROVIDER } from './player-pool.ts';

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

const identity = (...args: string[]) => aws({}, 'cognito-identity', ...args);

/** Somebody whose credentials are in the environment, as they are exported in a shell. */
async function becomePlayer(...logins: string[]) {
  const { IdentityId } = await identity('get-id', ...POOL, ...logins);
  return becomeIdentity(IdentityId, ...logins);
}

async function becomeIdentity(asked: string, ...logins: string[]) {
  const answer = await identity('get-credentials-for-identity', '--identity-id', asked, ...logins);
  const { AccessKeyId, SecretKey, SessionToken } = answer.Credentials;
  const credentials: Credentials = {
    AWS_ACCESS_KEY_ID: AccessKeyId,
    AWS_SECRET_ACCESS_KEY: SecretKey,
    AWS_SESSION_TOKEN: SessionToken,
  };
  const own = [...POOL, '--identity-id', answer.IdentityId];
  const sync = (operation: string, ...args: string[]) =>
    aws(credentials, 'cognito-sync', operation, ...own, ...args);
  return { identityId: String(answer.IdentityId), sync };
}

describe.skipIf(missing)('the AWS CLI', { timeout: PATIENCE_MS }, () => {
  const developer = (operation: string, ...args: string[]) =>
    aws(DEVELOPER, 'cognito-identity', operation, ...args);
  const GAME = ['--dataset-name', 'game'];

  it('syncs a dataset as a guest', async () => {
    const { sync } = await becomePlayer();
    const listed = await sync('list-records', ...GAME);
    expect(listed).toMatchObject({ Records: [], DatasetExists: false, DatasetSyncCount: 0 });
    const patch = ['--record-patches', 'Op=replace,Key=level,Value=7,SyncCount=0'];
    const token = ['--sync-session-token', listed.SyncSessionToken];
    const updated = await sync('update-records', ...GAME, ...token, ...patch);
    expect(updated.Records).toMatchObject([{ Key: 'level', Value: '7', SyncCount: 1 }]);
    expect(await sync('list-records', ...GAME)).toMatchObject({ ...updated, DatasetSyncCount: 1 });
    const again = sync('update-records', ...GAME, ...token, ...patch);
    await expect(again).rejects.toThrow(/\(InvalidParameterException\).*SyncSessionToken not valid/);
    const { Dataset } = await sync('delete-dataset', ...GAME);
    expect(Dataset).toMatchObject({ DatasetName: 'game', NumRecords: 1 });
  });

  it('is the same person with the same login', async () => {
    const logins = ['--logins', 'accounts.google.com=token-of-ada'];
    const phone = await becomePlayer(...logins);
    const tablet = await becomePlayer(...logins);
    expect(tablet.identityId).toBe(phone.identityId);
    const guest = identity('get-credentials-for-identity', '--identity-id', phone.identityId);
    await expect(guest).rejects.toThrow(/\(NotAuthorizedException\).*is forbidden/);
    const stranger = await becomePlayer();
    const strange = tablet.sync('list-datasets', '--identity-id', stranger.identityId);
    await expect(strange).rejects.toThrow(/\(NotAuthorizedException\)/);
  });

  it('lets a user of a backend in', async () => {
    const { IdentityId, Token } = await developer(
      'get-open-id-token-for-developer-identity',
      ...POOL,
      '--logins',
      `${DEVELOPER_PROVIDER}=alan`,
    );
    const player = await becomeIdentity(IdentityId, '--logins', `cognito-identity.amazonaws.com=${Token}`);
    expect(player.identityId).toBe(IdentityId);
    expect(await player.sync('list-datasets')).toMatchObject({ Count: 0 });
  });

  it('makes a pool, looks after it and deletes it', async () => {
    const made = await developer(
      'create-identity-pool',
      '--identity-pool-name',
      'notes',
      '--allow-unauthenticated-identities',
    );
    const pool = ['--identity-pool-id', made.IdentityPoolId];
    expect(await developer('describe-identity-pool', ...pool)).toEqual(made);
    const { IdentityId } = await identity('get-id', ...pool);
    const { Identities } = await developer('list-identities', ...pool, '--max-results', '10');
    expect(Identities).toMatchObject([{ IdentityId }]);
    const sync = (operation: string, ...args: string[]) => aws(DEVELOPER, 'cognito-sync', operation, ...args);
    expect(await sync('describe-identity-pool-usage', ...pool)).toMatchObject({
      IdentityPoolUsage: { IdentityPoolId: made.IdentityPoolId, DataStorage: 0 },
    });
    expect(await sync('get-bulk-publish-details', ...pool)).toMatchObject({
      BulkPublishStatus: 'NOT_STARTED',
    });
    await sync('set-cognito-events', ...pool, '--events', 'SyncTrigger=');
    expect(await sync('get-cognito-events', ...pool)).toMatchObject({ Events: {} });
    expect(await developer('delete-identity-pool', ...pool)).toBeNull();
    const gone = developer('describe-identity-pool', ...pool);
    await expect(gone).rejects.toThrow(/\(ResourceNotFoundException\)/);
    await expect(identity('get-id', ...pool)).rejects.toThrow(/\(ResourceNotFoundException\)/);
  });
});
