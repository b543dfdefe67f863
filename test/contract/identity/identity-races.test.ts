import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import type { Merge } from '../../../lib/sync/ports/merge.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
} from '../../fixtures/identity/identity-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

// Services as in several processes, each with connections of its own to one server. The embedded database does one thing
// after the other.
const SERVICES = 5;
const ROUNDS = 12;

let connectionString: string;
let databases: Database[];
let services: IdentityService[];
let IdentityPoolId: string;

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
  databases = Array.from({ length: SERVICES }, () => openPg({ connectionString }));
  services = databases.map((database) => createIdentityService(database));
}

/** What a session has counted is seen once it has ended. */
async function deadlocks(): Promise<unknown[]> {
  await Promise.all(databases.map((database) => database.close()));
  openServices();
  const sql = 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()';
  return (await first(databases).query(sql)).rows;
}

function first<Item>([item]: readonly Item[]): Item {
  if (item === undefined) throw new Error('there is none');
  return item;
}

/** All at once, each by another service than the one before; in an order of their own in each round. */
function atOnce<Answer>(
  ...asked: ((service: IdentityService) => Promise<Answer>)[]
): Promise<PromiseSettledResult<Answer>[]> {
  const turn = Math.floor(Math.random() * SERVICES);
  return Promise.allSettled(
    asked.map((ask, index) => ask(services[(turn + index) % SERVICES] ?? first(services))),
  );
}

const answersIn = <Answer>(results: PromiseSettledResult<Answer>[]) =>
  results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason));
const times = <Item>(count: number, item: Item): Item[] => Array.from({ length: count }, () => item);
const getId =
  (logins: Logins) =>
  async ({ operations }: IdentityService) =>
    (await operations.GetId({ IdentityPoolId, Logins: logins })).IdentityId;
const enter =
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

/** What holds whatever came first: nobody has to follow more than one step, and a login is of one that stands for itself. */
async function expectOrder(): Promise<void> {
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
  const options = { identityPoolId: IdentityPoolId, after: '', limit: 999, hideMerged: false };
  return (await first(services).store.listIdentities(options)).map(({ identityId }) => identityId);
}

it('one login that comes many times at once is one identity', async () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const ann = login(randomUUID());
    const before = await identitiesOfPool();
    const answers = answersIn(await atOnce(...times(20, getId(ann))));
    const [made, ...more] = (await identitiesOfPool()).filter((id) => !before.includes(id));
    expect(more).toEqual([]);
    expect(new Set(answers)).toEqual(new Set([made]));
  }
  await expectOrder();
});

it('logins that come at once in several pairs are one person’s', async () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const [a, b, c] = ['a', 'b', 'c'].map((provider) => login(randomUUID(), provider));
    const pairs = [
      { ...a, ...b },
      { ...b, ...c },
      { ...c, ...a },
    ].map(getId);
    const answers = answersIn(await atOnce(...pairs, ...pairs));
    const one = await getId(a ?? {})(first(services));
    for (const logins of [b, c]) expect(await getId(logins ?? {})(first(services))).toBe(one);
    for (const answer of answers) expect(answer).toMatch(/^us-east-1:/);
    await expectOrder();
  }
});

it('a guest that logs in many times at once is merged once', async () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const ann = login(randomUUID());
    const id = await getId(ann)(first(services));
    const guest = await getId({})(first(services));
    const answers = answersIn(await atOnce(...times(12, enter(guest, ann))));
    expect(new Set(answers)).toEqual(new Set([id]));
    expect(mergesMade().filter(({ from }) => from.identityId === guest)).toMatchObject([{ into: id }]);
  }
  await expectOrder();
});

it('a guest that logs in as two people at once becomes part of one of them', async () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const people = [login(randomUUID()), login(randomUUID())];
    const guest = await getId({})(first(services));
    await Promise.all(people.map((one) => getId(one)(first(services))));
    const answers = await atOnce(...people.map((one) => enter(guest, one)));
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(mergesMade().filter(({ from }) => from.identityId === guest)).toHaveLength(1);
  }
  await expectOrder();
});

it('a guest that two people take at once under new logins is one of theirs alone', async () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const people = [login(randomUUID()), login(randomUUID())];
    const guest = await getId({})(first(services));
    const answers = await atOnce(...people.map((one) => enter(guest, one)));
    expect(answers.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  }
  await expectOrder();
});

it('users that are merged in a circle at once are one person, and nobody waits for ever', async () => {
  const before = await deadlocks();
  for (let round = 1; round <= ROUNDS; round += 1) {
    const users = ['a', 'b', 'c', 'd'].map((name) => `${name} ${round}`);
    const ids = await Promise.all(users.map((user) => developerUser(user)(first(services))));
    const merges = users.map((user, index) => mergeUsers(user, users[(index + 1) % 4] ?? ''));
    const back = users.map((user, index) => mergeUsers(users[(index + 1) % 4] ?? '', user));
    const answers = answersIn(await atOnce(...merges, ...back));
    for (const answer of answers) expect(ids).toContain(answer);
    const after = await Promise.all(users.map((user) => developerUser(user)(first(services))));
    expect(new Set(after).size).toBe(1);
    expect(mergesMade().filter(({ from }) => ids.includes(from.identityId))).toHaveLength(3);
    await expectOrder();
  }
  expect(await deadlocks()).toEqual(before);
});

it('a pool that is deleted while people come is gone for all of them', async () => {
  const people = times(20, null).map(() => login(randomUUID()));
  const coming = atOnce(...people.map(getId), ...times(20, getId({})));
  await first(services).operations.DeleteIdentityPool({ IdentityPoolId }, DEVELOPER);
  for (const result of await coming) {
    if (result.status === 'rejected') {
      expect(result.reason).toMatchObject({ code: 'ResourceNotFoundException' });
    }
  }
  await expect(getId(people[0] ?? {})(first(services))).rejects.toMatchObject({
    code: 'ResourceNotFoundException',
  });
});
