import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { identityRowId } from '../../../lib/database/row-ids.ts';
import { signatureNotVerified } from '../../../lib/identity/errors.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
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

const FACEBOOK = 'graph.facebook.com';

describe.each(SERVERS)('identities and their logins on $name', ({ open }) => {
  let database: Database;
  let service: IdentityService;
  let IdentityPoolId: string;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    service = createIdentityService(database);
    IdentityPoolId = await service.newIdentityPool();
  });

  /** Calls GetId. Advances the clock first, so that no two identities have the same creation date. */
  async function getId(Logins?: Logins): Promise<string> {
    service.clock.now += 1_000;
    return (await service.operations.GetId({ IdentityPoolId, Logins })).IdentityId;
  }
  /** Gets credentials. Returns the id of the identity for which the credentials are valid. */
  async function signIn(IdentityId: string, Logins?: Logins): Promise<string> {
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
    it('creates a new guest on every call', async () => {
      const [guest, other] = [await getId(), await getId({})];
      expect(guest).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
      expect(other).not.toBe(guest);
      expect(await describeIdentity(guest)).toEqual({
        IdentityId: guest,
        Logins: [],
        CreationDate: NEW_YEAR + 1_000,
        LastModifiedDate: NEW_YEAR + 1_000,
      });
    });

    it('returns the same identity for the same login within a pool', async () => {
      const id = await getId(login('ann'));
      expect(await getId(login('ann'))).toBe(id);
      expect(await getId(login('bob'))).not.toBe(id);
      expect(await getId(login('ann', FACEBOOK))).not.toBe(id);
      IdentityPoolId = await service.newIdentityPool();
      expect(await getId(login('ann'))).not.toBe(id);
    });

    it('links new logins to the identity of a known login in the same call', async () => {
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

    it('merges the identities of logins that are sent together into the oldest of these identities', async () => {
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

    it('creates no guests if the pool does not allow guests, but accepts logins', async () => {
      IdentityPoolId = await service.newIdentityPool({ AllowUnauthenticatedIdentities: false });
      await expect(getId()).rejects.toEqual(NO_GUESTS);
      expect(await getId(login('ann'))).toMatch(/^us-east-1:/);
      expect(
        (
          await service.store.listIdentities({
            identityPoolId: IdentityPoolId,
            after: '',
            limit: 9,
            hideDisabled: false,
          })
        ).length,
      ).toBe(1);
    });

    it('rejects an unknown pool', async () => {
      IdentityPoolId = `us-east-1:${randomUUID()}`;
      const poolNotFound = error('ResourceNotFoundException', `IdentityPool '${IdentityPoolId}' not found.`);
      await expect(getId()).rejects.toEqual(poolNotFound);
      await expect(getId(login('ann'))).rejects.toEqual(poolNotFound);
    });
  });

  describe('a login', () => {
    it('is identified by the subject of its JWT, regardless of other claims', async () => {
      const id = await getId({ [FACEBOOK]: jwt({ sub: 'ann', exp: 1 }) });
      expect(await getId({ [FACEBOOK]: jwt({ exp: 2, sub: 'ann' }) })).toBe(id);
    });

    it('is identified by a hash of its token if the token is not a JWT, so that the token is not stored', async () => {
      const id = await getId({ [FACEBOOK]: 'opaque-token' });
      expect(await getId({ [FACEBOOK]: 'opaque-token' })).toBe(id);
      expect(await getId({ [FACEBOOK]: 'opaque-token2' })).not.toBe(id);
      const { rows } = await database.query('SELECT * FROM identity.logins');
      expect(JSON.stringify(rows)).not.toContain('opaque-token');
    });

    it('is rejected if its token is empty', async () => {
      await expect(getId({ [FACEBOOK]: '' })).rejects.toEqual(INVALID_TOKEN);
    });

    it('is rejected if it is the name of a user of the developer provider instead of a token', async () => {
      await developerToken('ann');
      const guest = await getId();
      const notPublic = error('InvalidParameterException', 'Please provide a valid public provider');
      await expect(getId({ [DEVELOPER_PROVIDER]: 'ann' })).rejects.toEqual(notPublic);
      await expect(signIn(guest, { [DEVELOPER_PROVIDER]: 'ann' })).rejects.toEqual(notPublic);
    });

    it('is verified concurrently with the other logins of the request', async () => {
      const bothStarted = Promise.withResolvers<void>();
      let started = 0;
      service = createIdentityService(database, {
        async verifyLogin(_pool, _provider, token) {
          started += 1;
          if (started === 2) bothStarted.resolve();
          await bothStarted.promise;
          return token;
        },
      });
      const ann = await getId({ [FACEBOOK]: 'ann', 'accounts.google.com': 'ann' });
      expect(await getId({ [FACEBOOK]: 'ann' })).toBe(ann);
    });

    it('is rejected, with all other logins of the request, if its token is invalid', async () => {
      const invalidToken = notAuthorized("Invalid login token. Couldn't verify signed token.");
      const verified: string[] = [];
      service = createIdentityService(database, {
        async verifyLogin(_pool, provider, token) {
          verified.push(provider);
          if (token === 'forged') throw signatureNotVerified();
          return token;
        },
      });
      const guest = await getId();
      const logins = { [FACEBOOK]: 'ann', 'accounts.google.com': 'forged' };
      await expect(getId(logins)).rejects.toEqual(invalidToken);
      await expect(signIn(guest, logins)).rejects.toEqual(invalidToken);
      await expect(developerToken('ann', { Logins: logins })).rejects.toEqual(invalidToken);
      expect(verified).toEqual([...Object.keys(logins), ...Object.keys(logins), ...Object.keys(logins)]);
      expect(await signIn(guest)).toBe(guest);
      expect(await signIn(guest, { [FACEBOOK]: 'ann' })).toBe(guest);
      const { IdentityId, Token } = await developerToken('bob', { Logins: { [FACEBOOK]: 'bob' } });
      expect(await getId({ [FACEBOOK]: 'bob' })).toBe(IdentityId);
      expect(await signIn(IdentityId, { [OWN_PROVIDER]: Token })).toBe(IdentityId);
    });

    it('is rejected if its identity, or an identity to be merged, has another login of the same provider', async () => {
      const second = error('ResourceConflictException', expect.stringContaining('only one login'));
      const ann = await getId(login('ann'));
      const bob = await getId({ ...login('bob'), ...login('bob f', FACEBOOK) });
      await expect(getId({ ...login('ann'), ...login('bob f', FACEBOOK) })).rejects.toEqual(second);
      await expect(signIn(ann, { ...login('ann'), ...login('bob f', FACEBOOK) })).rejects.toEqual(second);
      const { Token } = await developerToken('ann', { IdentityId: ann });
      await expect(signIn(ann, { [OWN_PROVIDER]: Token, ...login('ann 2') })).rejects.toEqual(second);
      expect(service.merges).toEqual([]);
      expect(await describeIdentity(bob)).toMatchObject({ Logins: ['accounts.google.com', FACEBOOK] });
    });

    it('is rejected if its identity has 20 logins', async () => {
      const { IdentityId } = await developerToken('user 0');
      for (let user = 1; user < 20; user += 1) await developerToken(`user ${user}`, { IdentityId });
      const tooMany = error('ResourceConflictException', expect.stringContaining('at most 20 logins'));
      await expect(developerToken('user 20', { IdentityId })).rejects.toEqual(tooMany);
      expect((await developerToken('user 19')).IdentityId).toBe(IdentityId);
    });

    it('is rejected if its provider name contains a NUL character', async () => {
      await expect(getId({ 'a\0b': 'token' })).rejects.toMatchObject({ code: 'InvalidParameterException' });
    });
  });

  describe('GetCredentialsForIdentity', () => {
    it('returns credentials for a guest that are valid for an hour', async () => {
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

    it('rejects an unknown identity', async () => {
      const id = `us-east-1:${randomUUID()}`;
      await expect(signIn(id)).rejects.toEqual(forbidden(id));
      await expect(signIn(id, login('ann'))).rejects.toEqual(forbidden(id));
    });

    it('rejects an existing guest if the pool no longer allows guests', async () => {
      const guest = await getId();
      const settings = { IdentityPoolId, IdentityPoolName: 'closed', AllowUnauthenticatedIdentities: false };
      await service.operations.UpdateIdentityPool(settings, DEVELOPER);
      await expect(signIn(guest)).rejects.toEqual(NO_GUESTS);
      expect(await signIn(guest, login('ann'))).toBe(guest);
    });

    it('makes a guest authenticated under the same id if no identity has its login yet', async () => {
      const guest = await getId();
      expect(await signIn(guest, login('ann'))).toBe(guest);
      expect(await getId(login('ann'))).toBe(guest);
      await expect(signIn(guest)).rejects.toEqual(forbidden(guest));
      expect(service.merges).toEqual([]);
    });

    it('merges a guest into the identity that already has the login', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      expect(await signIn(guest, login('ann'))).toBe(ann);
      expect(service.merges).toEqual([merged(guest, ann)]);
      expect(await pendingMerges()).toEqual(pending([guest, ann, service.clock.now]));
      await expect(signIn(guest)).rejects.toEqual(forbidden(guest));
      expect(await signIn(guest, login('ann'))).toBe(ann);
      expect(service.merges).toHaveLength(1);
    });

    it('merges a guest and all identities of its logins into one identity', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      const annToo = await getId(login('ann f', FACEBOOK));
      const logins = { ...login('ann f', FACEBOOK), ...login('ann'), ...login('new', 'apple') };
      expect(await signIn(guest, logins)).toBe(ann);
      expect(service.merges).toHaveLength(2);
      expect(service.merges).toEqual(expect.arrayContaining([merged(guest, ann), merged(annToo, ann)]));
      expect(await pendingMerges()).toEqual(pending([guest, ann], [annToo, ann]));
      expect(await getId(login('new', 'apple'))).toBe(ann);
    });

    it('requires a login of the identity if the identity is authenticated', async () => {
      const ann = await getId(login('ann'));
      await getId(login('bob'));
      await expect(signIn(ann)).rejects.toEqual(forbidden(ann));
      await expect(signIn(ann, {})).rejects.toEqual(forbidden(ann));
      await expect(signIn(ann, login('eve'))).rejects.toEqual(NO_MATCH);
      await expect(signIn(ann, login('bob'))).rejects.toEqual(NO_MATCH);
      expect(await signIn(ann, login('ann'))).toBe(ann);
      expect(service.merges).toEqual([]);
      expect(await getId(login('eve'))).not.toBe(ann);
    });

    it('links new logins to an authenticated identity, and merges even older identities into it', async () => {
      const older = await getId(login('ann f', FACEBOOK));
      const ann = await getId(login('ann'));
      const logins = { ...login('ann'), ...login('ann f', FACEBOOK), ...login('new', 'apple') };
      expect(await signIn(ann, logins)).toBe(ann);
      expect(service.merges).toEqual([merged(older, ann)]);
      expect(await getId(login('new', 'apple'))).toBe(ann);
      expect(await getId(login('ann f', FACEBOOK))).toBe(ann);
    });

    it('returns the last identity of a chain of merges', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      const last = await getId(login('ann f', FACEBOOK));
      await signIn(guest, login('ann'));
      await signIn(last, { ...login('ann'), ...login('ann f', FACEBOOK) });
      expect(service.merges.map(({ from, into }) => [from.identityId, into])).toEqual([
        [guest, ann],
        [ann, last],
      ]);
      // Data that the guest writes later still moves in two steps: to Ann's identity, and from there to the last one.
      expect(await pendingMerges()).toEqual(pending([guest, ann], [ann, last]));
      expect(await signIn(guest, login('ann'))).toBe(last);
      expect(await signIn(ann, login('ann f', FACEBOOK))).toBe(last);
      await expect(signIn(ann)).rejects.toEqual(forbidden(ann));
      expect((await service.store.readIdentity(guest))?.mergedInto).toBe(last);
    });

    it('keeps a merge even if copying the data fails; the next call returns the surviving identity', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      const failing = createIdentityService(database, {
        mergeDatasets: async () => {
          throw new Error('no copy today');
        },
      });
      const input = { IdentityId: guest, Logins: login('ann') };
      await expect(failing.operations.GetCredentialsForIdentity(input)).rejects.toThrow('no copy today');
      expect(await pendingMerges()).toEqual(pending([guest, ann]));
      expect((await failing.operations.GetCredentialsForIdentity(input)).IdentityId).toBe(ann);
    });
  });
});
