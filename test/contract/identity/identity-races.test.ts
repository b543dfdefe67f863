import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import type { Merge } from '../../../lib/sync/ports/merge-store.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import { openDsqlServer } from '../../fixtures/database/dsql-server.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
} from '../../fixtures/identity/identity-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

// Each service has its own connections to one server, as in several processes. The embedded database would serialize
// the requests.
const SERVICES = 5;
const ROUNDS = 12;

let connectionString: string;
let databases: Database[];
let services: IdentityService[];
let IdentityPoolId: string;

const PLACES = [
  { name: 'PostgreSQL', openAt: openPg },
  { name: "PostgreSQL under Aurora DSQL's rules", openAt: openDsqlServer },
];

describe.each(PLACES)('identities with concurrent requests on $name', ({ openAt }) => {
  beforeAll(async () => {
    connectionString = await createPostgresDatabase();
    openServices();
  });
  afterAll(() => Promise.all(databases.map((database) => database.close())));
  beforeEach(async () => {
    IdentityPoolId = await first(services).newIdentityPool();
    for (const { merges } of services) merges.splice(0);
  });

  function openServices(): void {
    databases = Array.from({ length: SERVICES }, () => openAt({ connectionString }));
    services = databases.map((database) => createIdentityService(database));
  }

  /** Closes all connections first: PostgreSQL publishes the counts of a session when the session ends. */
  async function deadlocks(): Promise<unknown[]> {
    await Promise.all(databases.map((database) => database.close()));
    openServices();
    const sql = '/* test */ SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
    return (await first(databases).query(sql)).rows;
  }

  function first<Item>([item]: readonly Item[]): Item {
    if (item === undefined) throw new Error('the list is empty');
    return item;
  }

  /** Makes all calls concurrently, each to the next service, starting with a random one. */
  function concurrently<Result>(
    ...calls: ((service: IdentityService) => Promise<Result>)[]
  ): Promise<PromiseSettledResult<Result>[]> {
    const start = Math.floor(Math.random() * SERVICES);
    return Promise.allSettled(
      calls.map((call, index) => call(services[(start + index) % SERVICES] ?? first(services))),
    );
  }

  const outcomesOf = <Value>(results: PromiseSettledResult<Value>[]) =>
    results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason));
  const times = <Item>(count: number, item: Item): Item[] => Array.from({ length: count }, () => item);
  const getId =
    (logins: Logins) =>
    async ({ operations }: IdentityService) =>
      (await operations.GetId({ IdentityPoolId, Logins: logins })).IdentityId;
  const signIn =
    (IdentityId: string, logins: Logins) =>
    async ({ operations }: IdentityService) =>
      (await operations.GetCredentialsForIdentity({ IdentityId, Logins: logins })).IdentityId;
  const developerUser =
    (user: string) =>
    async ({ operations }: IdentityService) =>
      (
        await operations.GetOpenIdTokenForDeveloperIdentity(
          { IdentityPoolId, Logins: { [DEVELOPER_PROVIDER]: user } },
          DEVELOPER,
        )
      ).IdentityId;
  const mergeUsers =
    (SourceUserIdentifier: string, DestinationUserIdentifier: string) =>
    async ({ operations }: IdentityService) =>
      (
        await operations.MergeDeveloperIdentities(
          {
            IdentityPoolId,
            SourceUserIdentifier,
            DestinationUserIdentifier,
            DeveloperProviderName: DEVELOPER_PROVIDER,
          },
          DEVELOPER,
        )
      ).IdentityId;

  const mergesMade = (): Merge[] => services.flatMap(({ merges }) => merges);

  /**
   * Checks what must hold in any order of the calls: a merged identity points directly at the surviving identity, and
   * every login belongs to an identity that was not merged.
   */
  async function expectConsistency(): Promise<void> {
    const { rows } = await first(databases).query(
      `SELECT 'chain' AS wrong FROM identity.identities AS merged
      JOIN identity.identities AS target ON target.identity_id = merged.merged_into
      WHERE target.merged_into IS NOT NULL
    UNION ALL
    SELECT 'login' FROM identity.logins
      LEFT JOIN identity.identities ON identities.identity_id = logins.identity_id
      WHERE identities.identity_id IS NULL OR identities.merged_into IS NOT NULL
    UNION ALL
    SELECT 'pending' FROM sync.pending_merges AS pending
      JOIN identity.identities ON identities.identity_id = pending.identity_id
      JOIN identity.identities AS target ON target.identity_id = pending.into_identity_id
      WHERE identities.merged_into IS DISTINCT FROM coalesce(target.merged_into, target.identity_id)`,
    );
    expect(rows).toEqual([]);
  }

  async function identitiesOfPool(): Promise<string[]> {
    const options = { identityPoolId: IdentityPoolId, after: '', limit: 999, hideDisabled: false };
    return (await first(services).store.listIdentities(options)).map(({ identityId }) => identityId);
  }

  it('concurrent calls with one new login create one identity', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const ann = login(randomUUID());
      const before = await identitiesOfPool();
      const outcomes = outcomesOf(await concurrently(...times(20, getId(ann))));
      const [created, ...more] = (await identitiesOfPool()).filter((id) => !before.includes(id));
      expect(more).toEqual([]);
      expect(new Set(outcomes)).toEqual(new Set([created]));
    }
    await expectConsistency();
  });

  it('concurrent calls with overlapping pairs of logins result in one identity', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const [a, b, c] = ['a', 'b', 'c'].map((provider) => login(randomUUID(), provider));
      const pairs = [
        { ...a, ...b },
        { ...b, ...c },
        { ...c, ...a },
      ].map(getId);
      const outcomes = outcomesOf(await concurrently(...pairs, ...pairs));
      const survivor = await getId(a ?? {})(first(services));
      for (const logins of [b, c]) expect(await getId(logins ?? {})(first(services))).toBe(survivor);
      for (const outcome of outcomes) expect(outcome).toMatch(/^us-east-1:/);
      await expectConsistency();
    }
  });

  it('a guest that logs in many times concurrently is merged once', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const ann = login(randomUUID());
      const id = await getId(ann)(first(services));
      const guest = await getId({})(first(services));
      const outcomes = outcomesOf(await concurrently(...times(12, signIn(guest, ann))));
      expect(new Set(outcomes)).toEqual(new Set([id]));
      expect(mergesMade().filter(({ from }) => from.identityId === guest)).toMatchObject([{ into: id }]);
    }
    await expectConsistency();
  });

  it('a guest that logs in concurrently as two users is merged into only one of them', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const users = [login(randomUUID()), login(randomUUID())];
      const guest = await getId({})(first(services));
      await Promise.all(users.map((one) => getId(one)(first(services))));
      const outcomes = await concurrently(...users.map((one) => signIn(guest, one)));
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(mergesMade().filter(({ from }) => from.identityId === guest)).toHaveLength(1);
    }
    await expectConsistency();
  });

  it('a guest that gets two new logins concurrently is linked to only one of them', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const users = [login(randomUUID()), login(randomUUID())];
      const guest = await getId({})(first(services));
      const outcomes = await concurrently(...users.map((one) => signIn(guest, one)));
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    }
    await expectConsistency();
  });

  it('developer users merged concurrently in a circle end as one identity, without a deadlock', async () => {
    const before = await deadlocks();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const users = ['a', 'b', 'c', 'd'].map((name) => `${name} ${round}`);
      const ids = await Promise.all(users.map((user) => developerUser(user)(first(services))));
      const merges = users.map((user, index) => mergeUsers(user, users[(index + 1) % 4] ?? ''));
      const back = users.map((user, index) => mergeUsers(users[(index + 1) % 4] ?? '', user));
      const outcomes = outcomesOf(await concurrently(...merges, ...back));
      for (const outcome of outcomes) expect(ids).toContain(outcome);
      const after = await Promise.all(users.map((user) => developerUser(user)(first(services))));
      expect(new Set(after).size).toBe(1);
      expect(mergesMade().filter(({ from }) => ids.includes(from.identityId))).toHaveLength(3);
      await expectConsistency();
    }
    expect(await deadlocks()).toEqual(before);
  });

  it('an identity that is deleted while guests log in to it leaves no login, identity or merge behind', async () => {
    const before = await deadlocks();
    for (let round = 1; round <= ROUNDS; round += 1) {
      const ann = login(randomUUID());
      const id = await getId(ann)(first(services));
      const guests = await Promise.all(times(6, null).map(() => getId({})(first(services))));
      const remove = async ({ operations }: IdentityService) => {
        await operations.DeleteIdentities({ IdentityIdsToDelete: [id] }, DEVELOPER);
        return id;
      };
      await concurrently(...guests.map((guest) => signIn(guest, ann)), remove, getId(ann));
      const { store } = first(services);
      expect(await store.readIdentity(id)).toBeNull();
      const { rows } = await first(databases).query(
        `SELECT identity_id FROM identity.logins WHERE identity_id = $1
       UNION ALL SELECT identity_id FROM identity.identities WHERE merged_into = $1`,
        [id],
      );
      expect(rows).toEqual([]);
      await expectConsistency();
    }
    expect(await deadlocks()).toEqual(before);
  });

  it('an identity whose logins are all unlinked by concurrent requests becomes inaccessible, not a guest', async () => {
    for (let round = 1; round <= ROUNDS; round += 1) {
      const [a, b] = [login(randomUUID(), 'a'), login(randomUUID(), 'b')];
      const id = await getId({ ...a, ...b })(first(services));
      const unlink =
        (logins: Logins) =>
        async ({ operations }: IdentityService) => {
          const LoginsToRemove = Object.keys(logins);
          await operations.UnlinkIdentity({ IdentityId: id, Logins: logins, LoginsToRemove });
          return id;
        };
      await concurrently(unlink(a), unlink(b), unlink(a), unlink(b));
      const stored = await first(services).store.readIdentity(id);
      expect(stored?.providers).toEqual([]);
      expect(stored?.unlinkedAt).toBeTypeOf('number');
      await expect(signIn(id, {})(first(services))).rejects.toMatchObject({ code: 'NotAuthorizedException' });
    }
    await expectConsistency();
  });

  it('concurrent logins to a pool that is deleted either succeed or do not find the pool', async () => {
    const users = times(20, null).map(() => login(randomUUID()));
    const calls = concurrently(...users.map(getId), ...times(20, getId({})));
    await first(services).operations.DeleteIdentityPool({ IdentityPoolId }, DEVELOPER);
    for (const result of await calls) {
      if (result.status === 'rejected') {
        expect(result.reason).toMatchObject({ code: 'ResourceNotFoundException' });
      }
    }
    await expect(getId(users[0] ?? {})(first(services))).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });
});
