import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { identityRowId } from '../../../lib/database/row-ids.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  jwt,
  login,
  OWN_PROVIDER,
} from '../../fixtures/identity/identity-service.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const error = (code: string, message: string) => expect.objectContaining({ code, message });
const notAuthorized = (message: string) => error('NotAuthorizedException', message);
const NO_MATCH = notAuthorized(
  "Logins don't match. Please include at least one valid login for this identity or identity pool.",
);
const NO_GUESTS = notAuthorized('Unauthenticated access is not supported for this identity pool.');
const INVALID_TOKEN = notAuthorized('Invalid login token.');
const forbidden = (id: string) => notAuthorized(`Access to Identity '${id}' is forbidden.`);
const notFound = (id: string) => error('ResourceNotFoundException', `Identity '${id}' not found.`);

const FACEBOOK = 'graph.facebook.com';

describe('who is who', () => {
  let database: Database;
  let service: IdentityService;
  let IdentityPoolId: string;

  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    service = createIdentityService(database);
    IdentityPoolId = await service.newIdentityPool();
  });

  /** The clock moves on between them, so that it is clear who was first. */
  async function getId(Logins?: Logins): Promise<string> {
    service.clock.now += 1_000;
    return (await service.operations.GetId({ IdentityPoolId, Logins })).IdentityId;
  }
  async function enter(IdentityId: string, Logins?: Logins): Promise<string> {
    service.clock.now += 1_000;
    return (await service.operations.GetCredentialsForIdentity({ IdentityId, Logins })).IdentityId;
  }
  async function developerToken(user: string, more: { IdentityId?: string; Logins?: Logins } = {}) {
    service.clock.now += 1_000;
    const { Logins: others, ...rest } = more;
    const Logins = { [DEVELOPER_PROVIDER]: user, ...others };
    return service.operations.GetOpenIdTokenForDeveloperIdentity(
      { IdentityPoolId, Logins, ...rest },
      DEVELOPER,
    );
  }
  const describeIdentity = (IdentityId: string) =>
    service.operations.DescribeIdentity({ IdentityId }, DEVELOPER);
  const pendingMerges = async () =>
    (
      await database.query(
        `SELECT identity_row_id, identity_id, into_identity_id, merged_ms
        FROM sync.pending_merges WHERE identity_pool_id = $1 ORDER BY identity_id COLLATE "C"`,
        [IdentityPoolId],
      )
    ).rows;
  const pending = (...merges: [from: string, into: string, mergedAt?: number][]) =>
    merges
      .map(([identityId, into, mergedAt = expect.any(Number)]) => ({
        identity_row_id: identityRowId({ identityPoolId: IdentityPoolId, identityId }),
        identity_id: identityId,
        into_identity_id: into,
        merged_ms: mergedAt,
      }))
      .sort((a, b) => (a.identity_id < b.identity_id ? -1 : 1));
  const merged = (from: string, into: string) => ({
    from: { identityPoolId: IdentityPoolId, identityId: from },
    into,
    mergedAt: service.clock.now,
  });

  describe('GetId', () => {
    it('makes a new guest each time', async () => {
      const [one, other] = [await getId(), await getId({})];
      expect(one).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
      expect(other).not.toBe(one);
      expect(await describeIdentity(one)).toEqual({
        IdentityId: one,
        Logins: [],
        CreationDate: NEW_YEAR + 1_000,
        LastModifiedDate: NEW_YEAR + 1_000,
      });
    });

    it('answers the same identity to the same login, in its own pool alone', async () => {
      const id = await getId(login('ann'));
      expect(await getId(login('ann'))).toBe(id);
      expect(await getId(login('bob'))).not.toBe(id);
      expect(await getId(login('ann', FACEBOOK))).not.toBe(id);
      IdentityPoolId = await service.newIdentityPool();
      expect(await getId(login('ann'))).not.toBe(id);
    });

    it('links the other logins to the identity of the one that is known', async () => {
      const id = await getId(login('ann'));
      expect(await getId({ ...login('ann'), ...login('ann f', FACEBOOK) })).toBe(id);
      expect(await getId(login('ann f', FACEBOOK))).toBe(id);
      expect(await describeIdentity(id)).toEqual({
        IdentityId: id,
        Logins: ['accounts.google.com', FACEBOOK],
        CreationDate: NEW_YEAR + 1_000,
        LastModifiedDate: NEW_YEAR + 2_000,
      });
      expect(service.merges).toEqual([]);
    });

    it('makes one of the identities of logins that come together: the one that was first stays', async () => {
      const first = await getId(login('ann'));
      const second = await getId(login('ann f', FACEBOOK));
      expect(await getId({ ...login('ann f', FACEBOOK), ...login('ann') })).toBe(first);
      expect(service.merges).toEqual([merged(second, first)]);
      expect(await pendingMerges()).toEqual(pending([second, first, service.clock.now]));
      expect(await getId(login('ann f', FACEBOOK))).toBe(first);
      expect(await describeIdentity(second)).toMatchObject({
        Logins: [],
        LastModifiedDate: NEW_YEAR + 3_000,
      });
      expect(await describeIdentity(first)).toMatchObject({ LastModifiedDate: NEW_YEAR + 3_000 });
    });

    it('makes no guests where the pool lets none in, but lets in who logs in', async () => {
      IdentityPoolId = await service.newIdentityPool({ AllowUnauthenticatedIdentities: false });
      await expect(getId()).rejects.toEqual(NO_GUESTS);
      expect(await getId(login('ann'))).toMatch(/^us-east-1:/);
      expect(
        (
          await service.store.listIdentities({
            identityPoolId: IdentityPoolId,
            after: '',
            limit: 9,
            hideMerged: false,
          })
        ).length,
      ).toBe(1);
    });

    it('does not find a pool that is not there', async () => {
      IdentityPoolId = `us-east-1:${randomUUID()}`;
      const refused = error('ResourceNotFoundException', `IdentityPool '${IdentityPoolId}' not found.`);
      await expect(getId()).rejects.toEqual(refused);
      await expect(getId(login('ann'))).rejects.toEqual(refused);
    });
  });

  describe('a login', () => {
    it('is the user that a JWT names, whatever else is in it', async () => {
      const id = await getId({ [FACEBOOK]: jwt({ sub: 'ann', exp: 1 }) });
      expect(await getId({ [FACEBOOK]: jwt({ exp: 2, sub: 'ann' }) })).toBe(id);
    });

    it('is the token itself where it names nobody; the token is kept nowhere', async () => {
      const id = await getId({ [FACEBOOK]: 'opaque-token' });
      expect(await getId({ [FACEBOOK]: 'opaque-token' })).toBe(id);
      expect(await getId({ [FACEBOOK]: 'opaque-token2' })).not.toBe(id);
      const { rows } = await database.query('SELECT * FROM identity.logins');
      expect(JSON.stringify(rows)).not.toContain('opaque-token');
    });

    it('is refused where the token is empty', async () => {
      await expect(getId({ [FACEBOOK]: '' })).rejects.toEqual(INVALID_TOKEN);
    });

    it('is refused where it says to be a user of the developer’s backend', async () => {
      await developerToken('ann');
      await expect(getId({ [DEVELOPER_PROVIDER]: 'ann' })).rejects.toEqual(
        notAuthorized(expect.stringContaining('GetOpenIdTokenForDeveloperIdentity')),
      );
    });

    it('of another provider is refused where it would have to be verified; guests and backends are let in', async () => {
      service = createIdentityService(database, { logins: 'refused' });
      const refused = notAuthorized(expect.stringContaining('not verified here'));
      const guest = await getId();
      await expect(getId(login('ann'))).rejects.toEqual(refused);
      await expect(enter(guest, login('ann'))).rejects.toEqual(refused);
      const { IdentityId, Token } = await developerToken('ann', { Logins: login('ann') });
      await expect(getId({ [OWN_PROVIDER]: Token, ...login('ann') })).rejects.toEqual(refused);
      expect(await enter(IdentityId, { [OWN_PROVIDER]: Token })).toBe(IdentityId);
      expect(await enter(guest)).toBe(guest);
    });

    it('is refused by a name that nothing can be stored under', async () => {
      await expect(getId({ 'a\0b': 'token' })).rejects.toMatchObject({ code: 'InvalidParameterException' });
    });
  });

  describe('GetCredentialsForIdentity', () => {
    it('gives a guest credentials of its own for an hour', async () => {
      const IdentityId = await getId();
      const { Credentials, ...rest } = await service.operations.GetCredentialsForIdentity({ IdentityId });
      expect(rest).toEqual({ IdentityId });
      expect(Credentials.Expiration).toBe(service.clock.now + 3_600_000);
      expect(service.credentials.open(Credentials.AccessKeyId, Credentials.SessionToken)).toEqual({
        state: 'valid',
        secretAccessKey: Credentials.SecretKey,
        identity: { identityPoolId: IdentityPoolId, identityId: IdentityId },
      });
    });

    it('does not find an identity that is not there', async () => {
      const id = `us-east-1:${randomUUID()}`;
      await expect(enter(id)).rejects.toEqual(notFound(id));
      await expect(enter(id, login('ann'))).rejects.toEqual(notFound(id));
    });

    it('gives a guest none where the pool lets none in any more', async () => {
      const guest = await getId();
      const settings = { IdentityPoolId, IdentityPoolName: 'closed', AllowUnauthenticatedIdentities: false };
      await service.operations.UpdateIdentityPool(settings, DEVELOPER);
      await expect(enter(guest)).rejects.toEqual(NO_GUESTS);
      expect(await enter(guest, login('ann'))).toBe(guest);
    });

    it('makes a guest authenticated, under the same id, once it shows a login that nobody has', async () => {
      const guest = await getId();
      expect(await enter(guest, login('ann'))).toBe(guest);
      expect(await getId(login('ann'))).toBe(guest);
      await expect(enter(guest)).rejects.toEqual(forbidden(guest));
      expect(service.merges).toEqual([]);
    });

    it('makes a guest part of the identity that has the login', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      expect(await enter(guest, login('ann'))).toBe(ann);
      expect(service.merges).toEqual([merged(guest, ann)]);
      expect(await pendingMerges()).toEqual(pending([guest, ann, service.clock.now]));
      await expect(enter(guest)).rejects.toEqual(forbidden(guest));
      expect(await enter(guest, login('ann'))).toBe(ann);
      expect(service.merges).toHaveLength(1);
    });

    it('makes one person of a guest and all whose logins it shows', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      const annToo = await getId(login('ann f', FACEBOOK));
      const shown = { ...login('ann f', FACEBOOK), ...login('ann'), ...login('new', 'apple') };
      expect(await enter(guest, shown)).toBe(ann);
      expect(service.merges).toHaveLength(2);
      expect(service.merges).toEqual(expect.arrayContaining([merged(guest, ann), merged(annToo, ann)]));
      expect(await pendingMerges()).toEqual(pending([guest, ann], [annToo, ann]));
      expect(await getId(login('new', 'apple'))).toBe(ann);
    });

    it('gives an authenticated identity’s to those alone who show a login of it', async () => {
      const ann = await getId(login('ann'));
      await getId(login('bob'));
      await expect(enter(ann)).rejects.toEqual(forbidden(ann));
      await expect(enter(ann, {})).rejects.toEqual(forbidden(ann));
      await expect(enter(ann, login('eve'))).rejects.toEqual(NO_MATCH);
      await expect(enter(ann, login('bob'))).rejects.toEqual(NO_MATCH);
      expect(await enter(ann, login('ann'))).toBe(ann);
      expect(service.merges).toEqual([]);
      expect(await getId(login('eve'))).not.toBe(ann);
    });

    it('links what else an authenticated identity shows, and merges other owners into it, older ones as well', async () => {
      const older = await getId(login('ann f', FACEBOOK));
      const ann = await getId(login('ann'));
      const shown = { ...login('ann'), ...login('ann f', FACEBOOK), ...login('new', 'apple') };
      expect(await enter(ann, shown)).toBe(ann);
      expect(service.merges).toEqual([merged(older, ann)]);
      expect(await getId(login('new', 'apple'))).toBe(ann);
      expect(await getId(login('ann f', FACEBOOK))).toBe(ann);
    });

    it('answers the end of all merges to who comes with the first id', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      const best = await getId(login('ann f', FACEBOOK));
      await enter(guest, login('ann'));
      await enter(best, { ...login('ann'), ...login('ann f', FACEBOOK) });
      expect(service.merges.map(({ from, into }) => [from.identityId, into])).toEqual([
        [guest, ann],
        [ann, best],
      ]);
      // What the guest still writes goes the way that went before it: to Ann, and from there with what is hers.
      expect(await pendingMerges()).toEqual(pending([guest, ann], [ann, best]));
      expect(await enter(guest, login('ann'))).toBe(best);
      expect(await enter(ann, login('ann f', FACEBOOK))).toBe(best);
      await expect(enter(ann)).rejects.toEqual(forbidden(ann));
      expect((await service.store.readIdentity(guest))?.mergedInto).toBe(best);
    });

    it('a merge whose datasets cannot be copied is made, and asking again answers who stayed', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      const failing = createIdentityService(database, {
        mergeDatasets: async () => {
          throw new Error('no copy today');
        },
      });
      const asked = { IdentityId: guest, Logins: login('ann') };
      await expect(failing.operations.GetCredentialsForIdentity(asked)).rejects.toThrow('no copy today');
      expect(await pendingMerges()).toEqual(pending([guest, ann]));
      expect((await failing.operations.GetCredentialsForIdentity(asked)).IdentityId).toBe(ann);
    });
  });
});
