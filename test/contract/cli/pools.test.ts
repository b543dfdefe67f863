import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommandDeps } from '../../../infra/cli/command.ts';
import { DONE, outcomeOf, prepareCommand } from '../../../infra/cli/run-command.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import { createDeletingService, createPoolDataDeletion } from '../../fixtures/sync/deleting-service.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

describe('the command pools', () => {
  let database: Database;
  let describeLogins: CommandDeps['describeLogins'] = async () => null;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  /** Returns the output of the command. */
  async function pools(...args: string[]): Promise<string[]> {
    const lines: string[] = [];
    const print = (line: string) => lines.push(line);
    const deps = commandDeps({ database, print, now: () => NEW_YEAR, describeLogins });
    await (await prepareCommand(['pools', ...args]))(deps);
    return lines;
  }

  it('creates pools that accept writes, and lists them', async () => {
    expect(await pools()).toEqual(['There are no identity pools.']);
    expect(await pools('add', POOL)).toEqual([`${POOL}: created, streaming ENABLED on cognito-sync`]);
    expect(await pools('add', '--stream', 'other', 'eu-west-1:0')).toEqual([
      'eu-west-1:0: created, streaming ENABLED on other',
    ]);
    expect(await pools('add', 'eu-west-1:1', '--no-stream')).toEqual([
      'eu-west-1:1: created, does not stream',
    ]);
    expect(await pools('add', POOL, '--no-stream')).toEqual([`${POOL}: already exists and was not changed`]);
    await createDevice(createSyncService(database).operations).update(put('score', '42'));
    const store = createPoolStore(database);
    const other = await store.readPool('eu-west-1:0');
    if (other?.streams) {
      const streams = { ...other.streams, status: 'DISABLED' as const, disabledReason: 'it is gone' };
      await store.changePool({ ...other, syncTrigger: 'arn:some', streams });
    }
    expect(await pools()).toEqual([
      'eu-west-1:0',
      '  stores 0 bytes',
      '  streaming DISABLED on other: it is gone',
      '  sync trigger arn:some',
      '  logins are not verified (LOGINS=trusted)',
      'eu-west-1:1',
      '  stores 0 bytes',
      '  does not stream',
      '  no sync trigger',
      '  logins are not verified (LOGINS=trusted)',
      POOL,
      '  stores 7 bytes',
      '  streaming ENABLED on cognito-sync',
      '  no sync trigger',
      '  logins are not verified (LOGINS=trusted)',
    ]);
  });

  it('enables login providers in a new pool, and lists their state', async () => {
    const id = 'eu-west-1:3';
    const providers = [
      'accounts.google.com=web.apps.example',
      'cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a=ios',
      'cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a=android',
      'login.example/realm',
    ];
    await pools('add', id, ...providers.flatMap((provider) => ['--provider', provider]));
    const pool = await createIdentityStore(database).readPool(id);
    expect(pool).toEqual({
      IdentityPoolId: id,
      IdentityPoolName: 'cognito-sync-backend',
      AllowUnauthenticatedIdentities: true,
      SupportedLoginProviders: { 'accounts.google.com': 'web.apps.example' },
      CognitoIdentityProviders: [
        { ProviderName: 'cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a', ClientId: 'ios' },
        { ProviderName: 'cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a', ClientId: 'android' },
      ],
      OpenIdConnectProviderARNs: ['arn:aws:iam::000000000000:oidc-provider/login.example/realm'],
    });
    describeLogins = async ({ IdentityPoolId }) =>
      IdentityPoolId === id
        ? [
            { provider: 'accounts.google.com', state: 'keys available', reason: null },
            {
              provider: 'login.example/realm',
              state: 'keys unavailable',
              reason: 'login.example answered 500',
            },
          ]
        : [];
    const lines = await pools();
    expect(lines.slice(lines.indexOf(id))).toEqual(
      expect.arrayContaining([
        '  login provider accounts.google.com: keys available',
        '  login provider login.example/realm: keys unavailable (login.example answered 500)',
        '  no login providers',
      ]),
    );
    await pools('add', id, '--provider', 'graph.facebook.com=1234');
    expect(await createIdentityStore(database).readPool(id)).toEqual(pool);
  });

  it('rejects the id of a deleted pool until the data of that pool is gone', async () => {
    const id = 'eu-west-1:2';
    await pools('add', id, '--stream', 'other');
    await database.query('INSERT INTO identity.logins VALUES (gen_random_uuid(), $1, $2, $2, $2, 0)', [
      id,
      'x',
    ]);
    await database.query("UPDATE sync.identity_pools SET identity_settings = '{}', revision = 7");
    const { operations } = createDeletingService(database, { deletePoolData: async () => false });
    await operations.DeleteIdentityPool({ IdentityPoolId: id }, DEVELOPER);
    expect(await pools()).not.toContain(id);
    await expect(pools('add', id)).rejects.toThrow(SetupError);
    const outcome = await outcomeOf(async () => {
      await pools('add', id);
      return DONE;
    });
    expect(outcome).toEqual({
      exitCode: 1,
      error: `${id}: not created, because the service is still removing the deleted pool with this id; keep the service running and try again in a minute`,
    });
    expect(await createPoolDataDeletion(database)(id)).toBe(true);
    expect(await pools('add', id, '--no-stream')).toEqual([`${id}: created, does not stream`]);
    expect(await createPoolStore(database).readPool(id)).toEqual({
      identityPoolId: id,
      revision: 1,
      syncTrigger: null,
      streams: null,
      pushSync: null,
    });
    expect(
      (await database.query('SELECT * FROM sync.identity_pools WHERE identity_pool_id = $1', [id])).rows,
    ).toMatchObject([{ created_ms: NEW_YEAR, identity_settings: null, deleted_ms: null }]);
    expect(await pools('add', id)).toEqual([`${id}: already exists and was not changed`]);
  });
});
