import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { DEVELOPER_CREDENTIALS } from '../fixtures/wire/entrance.ts';
import { googleToken } from '../fixtures/wire/login-tokens.ts';
import { emptyShell, isMissingModule, run } from './optional-program.ts';
import { createPlayerPool, ROLE } from './player-pool.ts';

const missing = isMissingModule('boto3 against the local cloud', 'boto3');
const scriptOf = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const { cloud } = await openLocalCloud();

/** Runs a script with the id of a new pool and a token of Google. @returns what it printed */
async function runScript(name: string): Promise<unknown> {
  const env = emptyShell({
    AWS_ENDPOINT_URL: cloud.url,
    AWS_DEFAULT_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: DEVELOPER_CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: DEVELOPER_CREDENTIALS.secretAccessKey,
  });
  const pool = await createPlayerPool(cloud.url);
  return JSON.parse(await run('python3', [scriptOf(name), pool, googleToken('Ada')], env));
}

describe.skipIf(missing)('boto3', () => {
  it('syncs as a player, as a user of the app’s own backend, and as a developer', async () => {
    expect(await runScript('boto3_sync.py')).toEqual({
      player: {
        stored: '7 ü 😀',
        deviceDateIsKept: true,
        isSamePerson: true,
        listed: [['level', 1]],
        conflict: [409, 'Current SyncCount for: level is: 1 not: 0'],
        existsAfterDeletion: false,
      },
      userOfBackend: { datasets: 0 },
      developer: { storedBytes: 0, isGone: true },
    });
  });

  it('manages roles, tags, developer users and identities', async () => {
    expect(await runScript('boto3_identity.py')).toEqual({
      pool: {
        roles: { authenticated: ROLE },
        principalTags: [false, { team: 'team_id' }],
        tags: { team: 'game' },
      },
      users: { users: ['ann'], isFound: true, afterUnlinking: 'ResourceNotFoundException' },
      identities: {
        getsNewIdentity: true,
        unprocessed: {
          UnprocessedIdentityIds: [
            { IdentityId: 'us-east-1:00000000-0000-4000-8000-00000000dead', ErrorCode: 'AccessDenied' },
          ],
        },
        describeDeleted: 'ResourceNotFoundException',
        useTokenOfDeleted: 'NotAuthorizedException',
      },
    });
  });
});
