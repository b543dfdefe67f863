import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../lib/common/caller.ts';
import type { Database } from '../../../lib/database/database.ts';
import { ExpiredLoginTokenError } from '../../../lib/identity/errors.ts';
import type { Logins } from '../../../lib/identity/model.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import {
  createIdentityService,
  DEVELOPER_PROVIDER,
  type IdentityService,
  login,
  OWN_PROVIDER,
} from '../../fixtures/identity/identity-service.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const error = (code: string, message: string) => expect.objectContaining({ code, message });
const notAuthorized = (message: string) => error('NotAuthorizedException', message);
const invalid = (message: string) => error('InvalidParameterException', expect.stringContaining(message));
const NO_MATCH = notAuthorized(
  "Logins don't match. Please include at least one valid login for this identity or identity pool.",
);
const INVALID_TOKEN = notAuthorized('Invalid login token.');
const EXPIRED_TOKEN = notAuthorized('Invalid login token. Token expired.');
const forbidden = (id: string) => notAuthorized(`Access to Identity '${id}' is forbidden.`);
const identityNotFound = (id: string) => error('ResourceNotFoundException', `Identity '${id}' not found.`);
const poolNotFound = (id: string) => error('ResourceNotFoundException', `IdentityPool '${id}' not found.`);

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

describe.each(SERVERS)('Cognito Identity tokens on $name', ({ open }) => {
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
  const signIn = async (IdentityId: string, Logins?: Logins) =>
    (await service.operations.GetCredentialsForIdentity({ IdentityId, Logins })).IdentityId;
  const unlink = (IdentityId: string, Logins: Logins) =>
    service.operations.UnlinkIdentity({ IdentityId, Logins, LoginsToRemove: Object.keys(Logins) });
  const openIdToken = (IdentityId: string, Logins?: Logins) =>
    service.operations.GetOpenIdToken({ IdentityId, Logins });
  const own = (Token: string): Logins => ({ [OWN_PROVIDER]: Token });
  const assumeRole = (WebIdentityToken: string) =>
    service.assumeRole({
      RoleArn: 'arn:aws:iam::000000000000:role/any',
      RoleSessionName: 's',
      WebIdentityToken,
    });
  function developerToken(
    user: string,
    more: { IdentityId?: string; Logins?: Logins; TokenDuration?: number } = {},
    caller: Caller = DEVELOPER,
  ) {
    service.clock.now += 1_000;
    const { Logins: others, ...rest } = more;
    const Logins = { [DEVELOPER_PROVIDER]: user, ...others };
    return service.operations.GetOpenIdTokenForDeveloperIdentity({ IdentityPoolId, Logins, ...rest }, caller);
  }
  const mergeUsers = (SourceUserIdentifier: string, DestinationUserIdentifier: string, more = {}) =>
    service.operations.MergeDeveloperIdentities(
      {
        IdentityPoolId,
        SourceUserIdentifier,
        DestinationUserIdentifier,
        DeveloperProviderName: DEVELOPER_PROVIDER,
        ...more,
      },
      DEVELOPER,
    );
  const mergesMade = () => service.merges.map(({ from, into }) => [from.identityId, into]);

  describe('GetOpenIdTokenForDeveloperIdentity', () => {
    it('creates an identity for a new user, and returns the same identity when it is called again', async () => {
      const { IdentityId, Token } = await developerToken('ann');
      expect((await developerToken('ann')).IdentityId).toBe(IdentityId);
      expect((await developerToken('bob')).IdentityId).not.toBe(IdentityId);
      expect(claimsOf(Token)).toEqual({
        sub: IdentityId,
        aud: IdentityPoolId,
        iss: 'https://cognito-identity.amazonaws.com',
        amr: ['authenticated', DEVELOPER_PROVIDER],
        iat: NEW_YEAR / 1_000 + 1,
        iat_ms: NEW_YEAR + 1_000,
        exp: NEW_YEAR / 1_000 + 1 + 900,
      });
      expect(await service.operations.DescribeIdentity({ IdentityId }, DEVELOPER)).toMatchObject({
        Logins: [DEVELOPER_PROVIDER],
      });
    });

    it('links the user to the requested identity, even if the identity is not a guest', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      expect((await developerToken('guest', { IdentityId: guest })).IdentityId).toBe(guest);
      expect((await developerToken('ann', { IdentityId: ann })).IdentityId).toBe(ann);
      expect((await developerToken('ann too', { IdentityId: ann })).IdentityId).toBe(ann);
      expect((await developerToken('ann')).IdentityId).toBe(ann);
      await expect(signIn(guest)).rejects.toEqual(forbidden(guest));
      expect(mergesMade()).toEqual([]);
    });

    it('rejects another identity for a user that already has an identity', async () => {
      const { IdentityId } = await developerToken('ann');
      const guest = await getId();
      await expect(developerToken('ann', { IdentityId: guest })).rejects.toMatchObject({
        code: 'DeveloperUserAlreadyRegisteredException',
        message: expect.not.stringContaining('ann'),
      });
      expect(await signIn(guest)).toBe(guest);
      expect((await developerToken('ann', { IdentityId })).IdentityId).toBe(IdentityId);
    });

    it('accepts public logins, and merges the identities to which the logins belonged', async () => {
      const google = await getId(login('ann'));
      const { IdentityId } = await developerToken('ann');
      const request = { IdentityId, Logins: login('ann') };
      expect((await developerToken('ann', request)).IdentityId).toBe(IdentityId);
      expect(mergesMade()).toEqual([[google, IdentityId]]);
      expect(await getId(login('ann'))).toBe(IdentityId);
    });

    it('returns the surviving identity if the requested identity was merged into it', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      await signIn(guest, login('ann'));
      expect((await developerToken('ann', { IdentityId: guest })).IdentityId).toBe(ann);
    });

    it('rejects an identity of another pool and an unknown identity', async () => {
      const ofOtherPool = await getId();
      const unknown = `us-east-1:${randomUUID()}`;
      IdentityPoolId = await service.newIdentityPool();
      for (const IdentityId of [ofOtherPool, unknown]) {
        await expect(developerToken('ann', { IdentityId })).rejects.toEqual(identityNotFound(IdentityId));
      }
      expect(await getId()).not.toBe(ofOtherPool);
    });

    it('requires a valid user of the pool’s developer provider', async () => {
      const request = (Logins: Logins) =>
        service.operations.GetOpenIdTokenForDeveloperIdentity({ IdentityPoolId, Logins }, DEVELOPER);
      await expect(request(login('ann'))).rejects.toEqual(invalid(DEVELOPER_PROVIDER));
      await expect(request({})).rejects.toEqual(invalid(DEVELOPER_PROVIDER));
      await expect(request({ [DEVELOPER_PROVIDER]: '' })).rejects.toEqual(invalid('logins'));
      await expect(request({ [DEVELOPER_PROVIDER]: 'a\0' })).rejects.toEqual(invalid('logins'));
      await expect(request({ [DEVELOPER_PROVIDER]: 'ann', [OWN_PROVIDER]: 'x' })).rejects.toEqual(
        invalid(OWN_PROVIDER),
      );
      IdentityPoolId = await service.newIdentityPool({ DeveloperProviderName: undefined });
      await expect(request({ [DEVELOPER_PROVIDER]: 'ann' })).rejects.toEqual(
        invalid('no DeveloperProviderName'),
      );
      IdentityPoolId = `us-east-1:${randomUUID()}`;
      await expect(request({ [DEVELOPER_PROVIDER]: 'ann' })).rejects.toEqual(poolNotFound(IdentityPoolId));
    });

    it.each([1, 86_400])('issues a token that is valid for %i seconds', async (TokenDuration) => {
      const { exp, iat } = claimsOf((await developerToken('ann', { TokenDuration })).Token);
      expect(exp - iat).toBe(TokenDuration);
    });

    it.each([0, -1, 86_401, 1.5, Number.NaN])('rejects TokenDuration %d', async (TokenDuration) => {
      await expect(developerToken('ann', { TokenDuration })).rejects.toEqual(invalid('tokenDuration'));
    });
  });

  describe('a developer user’s token', () => {
    it('is a login of its identity; a client without another login of the identity must send it', async () => {
      const { IdentityId, Token } = await developerToken('ann');
      await expect(signIn(IdentityId)).rejects.toEqual(forbidden(IdentityId));
      expect(await signIn(IdentityId, own(Token))).toBe(IdentityId);
      expect(await getId(own(Token))).toBe(IdentityId);
      expect((await openIdToken(IdentityId, own(Token))).IdentityId).toBe(IdentityId);
    });

    it('links further logins to its identity', async () => {
      const google = await getId(login('ann'));
      const { IdentityId, Token } = await developerToken('ann');
      expect(await signIn(IdentityId, { ...own(Token), ...login('ann') })).toBe(IdentityId);
      expect(mergesMade()).toEqual([[google, IdentityId]]);
    });

    it('is valid only for its identity and for the identity into which its identity was merged', async () => {
      const other = await getId(login('eve'));
      const guest = await getId();
      const ann = await developerToken('ann');
      const bob = await developerToken('bob');
      for (const id of [other, guest, bob.IdentityId]) {
        await expect(signIn(id, own(ann.Token))).rejects.toEqual(NO_MATCH);
        await expect(signIn(id, { ...own(ann.Token), ...login('eve') })).rejects.toEqual(NO_MATCH);
      }
      await mergeUsers('ann', 'bob');
      for (const id of [ann.IdentityId, bob.IdentityId]) {
        expect(await signIn(id, own(ann.Token))).toBe(bob.IdentityId);
      }
    });

    it('is rejected after it has expired', async () => {
      const { IdentityId, Token } = await developerToken('ann', { TokenDuration: 60 });
      service.clock.now += 59_999;
      expect(await signIn(IdentityId, own(Token))).toBe(IdentityId);
      service.clock.now += 1;
      await expect(signIn(IdentityId, own(Token))).rejects.toEqual(EXPIRED_TOKEN);
    });

    it('is rejected if its signature is invalid or if another pool issued it', async () => {
      const { IdentityId, Token } = await developerToken('ann');
      const [header, payload, signature] = Token.split('.');
      const changed = Buffer.from(
        JSON.stringify({ ...claimsOf(Token), exp: claimsOf(Token).exp + 1 }),
      ).toString('base64url');
      const invalidTokens = [
        '',
        'x',
        `${Token}x`,
        `${Token}.x`,
        `${header}.${changed}.${signature}`,
        `${payload}.${payload}.${signature}`,
        `${header}.${payload}`,
        Token.padEnd(9_999, 'x'),
      ];
      for (const token of invalidTokens) {
        await expect(signIn(IdentityId, own(token))).rejects.toEqual(INVALID_TOKEN);
      }
      IdentityPoolId = await service.newIdentityPool();
      await expect(getId(own(Token))).rejects.toEqual(INVALID_TOKEN);
    });
  });

  describe('GetOpenIdToken', () => {
    it('returns a token for a guest; the token is valid for ten minutes and cannot be used as a login', async () => {
      const guest = await getId();
      const { IdentityId, Token } = await openIdToken(guest);
      expect(IdentityId).toBe(guest);
      const { amr, exp, iat } = claimsOf(Token);
      expect([amr, exp - iat]).toEqual([['unauthenticated'], 600]);
      await expect(getId(own(Token))).rejects.toEqual(INVALID_TOKEN);
      await expect(signIn(guest, own(Token))).rejects.toEqual(INVALID_TOKEN);
    });

    it('returns a token for an authenticated identity; the token can be used as a login', async () => {
      const guest = await getId();
      const { IdentityId, Token } = await openIdToken(guest, login('ann'));
      expect(IdentityId).toBe(guest);
      expect(claimsOf(Token).amr).toEqual(['authenticated', 'accounts.google.com']);
      expect(await signIn(guest, own(Token))).toBe(guest);
      await expect(openIdToken(guest)).rejects.toEqual(forbidden(guest));
    });

    it('returns the surviving identity after a merge', async () => {
      const guest = await getId();
      const ann = await getId(login('ann'));
      const { IdentityId, Token } = await openIdToken(guest, login('ann'));
      expect([IdentityId, claimsOf(Token).sub]).toEqual([ann, ann]);
    });

    it('rejects an unknown identity and an identity of a deleted pool', async () => {
      const unknown = `us-east-1:${randomUUID()}`;
      const guest = await getId();
      await service.operations.DeleteIdentityPool({ IdentityPoolId }, DEVELOPER);
      for (const id of [unknown, guest]) {
        await expect(openIdToken(id)).rejects.toEqual(forbidden(id));
        await expect(openIdToken(id, login('ann'))).rejects.toEqual(forbidden(id));
        await expect(signIn(id)).rejects.toEqual(forbidden(id));
        await expect(signIn(id, login('ann'))).rejects.toEqual(forbidden(id));
      }
    });

    it('returns a token that does not outlive the login token that proves the identity', async () => {
      const { IdentityId, Token } = await developerToken('ann', { TokenDuration: 3 });
      const derived = (await openIdToken(IdentityId, own(Token))).Token;
      service.clock.now += 2_000;
      const again = (await openIdToken(IdentityId, own(derived))).Token;
      const beside = (await openIdToken(IdentityId, { ...own(again), ...login('ann') })).Token;
      expect([derived, again, beside].map((token) => claimsOf(token).exp)).toEqual(
        [Token, Token, Token].map((token) => claimsOf(token).exp),
      );
      service.clock.now += 1_000;
      for (const token of [Token, derived, again, beside]) {
        await expect(openIdToken(IdentityId, own(token))).rejects.toEqual(EXPIRED_TOKEN);
        await expect(signIn(IdentityId, own(token))).rejects.toEqual(EXPIRED_TOKEN);
        await expect(getId(own(token))).rejects.toEqual(EXPIRED_TOKEN);
        await expect(assumeRole(token)).rejects.toEqual(EXPIRED_TOKEN);
      }
    });

    it('returns a token for ten minutes if the login token that proves the identity is valid for longer', async () => {
      const { IdentityId, Token } = await developerToken('ann', { TokenDuration: 86_400 });
      const { exp, iat } = claimsOf((await openIdToken(IdentityId, own(Token))).Token);
      expect(exp - iat).toBe(600);
    });

    it('rejects the request and links nothing if the pool does not allow the classic flow', async () => {
      IdentityPoolId = await service.newIdentityPool({ AllowClassicFlow: false });
      const guest = await getId();
      await expect(openIdToken(guest, login('ann'))).rejects.toEqual(
        error('InvalidParameterException', 'Basic (classic) flow is not enabled, please use enhanced flow.'),
      );
      expect(await signIn(guest)).toBe(guest);
    });
  });

  describe('AssumeRoleWithWebIdentity', () => {
    it('returns credentials for a guest until the guest is authenticated', async () => {
      const guest = await getId();
      const { Token } = await openIdToken(guest);
      const { Credentials, ...rest } = await assumeRole(Token);
      expect(rest).toEqual({ SubjectFromWebIdentityToken: guest, Audience: IdentityPoolId });
      expect(service.credentials.open(Credentials.AccessKeyId, Credentials.SessionToken)).toMatchObject({
        state: 'valid',
        identity: { identityPoolId: IdentityPoolId, identityId: guest },
      });
      await signIn(guest, login('ann'));
      await expect(assumeRole(Token)).rejects.toEqual(forbidden(guest));
    });

    it('rejects a guest’s token after the guest was merged into another identity', async () => {
      const guest = await getId();
      const { Token } = await openIdToken(guest);
      await getId(login('ann'));
      await signIn(guest, login('ann'));
      await expect(assumeRole(Token)).rejects.toEqual(forbidden(guest));
    });

    it('returns credentials of the surviving identity for the token of an authenticated identity', async () => {
      const ann = await developerToken('ann');
      const bob = await developerToken('bob');
      expect(await assumeRole(ann.Token)).toMatchObject({ SubjectFromWebIdentityToken: ann.IdentityId });
      await mergeUsers('ann', 'bob');
      expect(await assumeRole(ann.Token)).toMatchObject({ SubjectFromWebIdentityToken: bob.IdentityId });
    });

    it('rejects all tokens of an identity, also those from before its first login, after its last login was unlinked', async () => {
      const guest = await getId();
      const guestToken = (await openIdToken(guest)).Token;
      const { Token } = await openIdToken(guest, login('ann'));
      expect(await assumeRole(Token)).toMatchObject({ SubjectFromWebIdentityToken: guest });
      await unlink(guest, login('ann'));
      await expect(assumeRole(Token)).rejects.toEqual(INVALID_TOKEN);
      await expect(assumeRole(guestToken)).rejects.toEqual(forbidden(guest));
      await expect(signIn(guest, own(Token))).rejects.toEqual(INVALID_TOKEN);
      await expect(getId({ ...own(Token), ...login('eve') })).rejects.toEqual(INVALID_TOKEN);
    });

    it('rejects earlier tokens after one of several logins was unlinked, because a token may come from that login', async () => {
      const { IdentityId, Token } = await developerToken('ann', { Logins: login('ann') });
      service.clock.now += 1;
      await service.operations.UnlinkDeveloperIdentity(
        {
          IdentityId,
          IdentityPoolId,
          DeveloperProviderName: DEVELOPER_PROVIDER,
          DeveloperUserIdentifier: 'ann',
        },
        DEVELOPER,
      );
      await expect(assumeRole(Token)).rejects.toEqual(INVALID_TOKEN);
      await expect(signIn(IdentityId, own(Token))).rejects.toEqual(INVALID_TOKEN);
      await expect(getId({ ...own(Token), ...login('eve') })).rejects.toEqual(INVALID_TOKEN);
      const later = await openIdToken(IdentityId, login('ann'));
      expect(await signIn(IdentityId, own(later.Token))).toBe(IdentityId);
      expect(await assumeRole(later.Token)).toMatchObject({ SubjectFromWebIdentityToken: IdentityId });
    });

    it('rejects earlier tokens of an identity whose login was unlinked, even after the identity was merged into another', async () => {
      const { IdentityId, Token } = await developerToken('ann', { Logins: login('ann') });
      service.clock.now += 1;
      await service.operations.UnlinkDeveloperIdentity(
        {
          IdentityId,
          IdentityPoolId,
          DeveloperProviderName: DEVELOPER_PROVIDER,
          DeveloperUserIdentifier: 'ann',
        },
        DEVELOPER,
      );
      const bob = await developerToken('bob');
      await signIn(bob.IdentityId, { ...own(bob.Token), ...login('ann') });
      await expect(assumeRole(Token)).rejects.toEqual(INVALID_TOKEN);
      await expect(getId({ ...own(Token), ...login('eve') })).rejects.toEqual(INVALID_TOKEN);
    });

    it('rejects earlier tokens after a developer has linked a new login to an inaccessible identity', async () => {
      const { IdentityId, Token } = await developerToken('ann');
      service.clock.now += 1;
      await service.operations.UnlinkDeveloperIdentity(
        {
          IdentityId,
          IdentityPoolId,
          DeveloperProviderName: DEVELOPER_PROVIDER,
          DeveloperUserIdentifier: 'ann',
        },
        DEVELOPER,
      );
      const relinked = await developerToken('bob', { IdentityId });
      await expect(signIn(IdentityId, own(Token))).rejects.toEqual(INVALID_TOKEN);
      expect(await signIn(IdentityId, own(relinked.Token))).toBe(IdentityId);
    });

    it('rejects the token of a merged identity after the last login of the surviving identity was unlinked', async () => {
      const [ann, guest] = [await getId(login('ann')), await getId()];
      const both = { ...login('ann'), ...login('ann', 'graph.facebook.com') };
      const before = await openIdToken(guest, login('ann', 'graph.facebook.com'));
      await signIn(ann, both);
      expect(await assumeRole(before.Token)).toMatchObject({ SubjectFromWebIdentityToken: ann });
      await unlink(ann, both);
      await expect(assumeRole(before.Token)).rejects.toEqual(INVALID_TOKEN);
    });

    it('returns credentials that are valid for an hour, even if the token expires earlier', async () => {
      const { IdentityId, Token } = await developerToken('ann', { TokenDuration: 3 });
      const assumed = await assumeRole(Token);
      const Logins = own(Token);
      const direct = await service.operations.GetCredentialsForIdentity({ IdentityId, Logins });
      for (const { Credentials } of [assumed, direct]) {
        expect(Credentials.Expiration).toBe(service.clock.now + 3_600_000);
      }
    });

    it('distinguishes an expired token from an invalid token', async () => {
      const { Token } = await openIdToken(await getId());
      await expect(assumeRole('x')).rejects.toEqual(INVALID_TOKEN);
      await expect(assumeRole(`${Token}x`)).rejects.not.toBeInstanceOf(ExpiredLoginTokenError);
      service.clock.now += 600_000;
      await expect(assumeRole(Token)).rejects.toEqual(EXPIRED_TOKEN);
      await expect(assumeRole(Token)).rejects.toBeInstanceOf(ExpiredLoginTokenError);
    });

    it('rejects a token after its pool was deleted', async () => {
      const { Token } = await developerToken('ann');
      await service.operations.DeleteIdentityPool({ IdentityPoolId }, DEVELOPER);
      await expect(assumeRole(Token)).rejects.toEqual(INVALID_TOKEN);
    });
  });

  describe('MergeDeveloperIdentities', () => {
    it('merges the source user’s identity, even if it is older, into the destination user’s identity', async () => {
      const ann = await developerToken('ann', { Logins: login('ann') });
      const bob = await developerToken('bob');
      expect(await mergeUsers('ann', 'bob')).toEqual({ IdentityId: bob.IdentityId });
      expect(mergesMade()).toEqual([[ann.IdentityId, bob.IdentityId]]);
      expect((await developerToken('ann')).IdentityId).toBe(bob.IdentityId);
      expect(await getId(login('ann'))).toBe(bob.IdentityId);
    });

    it('returns the identity if both users already belong to it', async () => {
      const { IdentityId } = await developerToken('ann');
      await developerToken('ann too', { IdentityId });
      expect(await mergeUsers('ann', 'ann too')).toEqual({ IdentityId });
      expect(await mergeUsers('ann', 'ann')).toEqual({ IdentityId });
      expect(mergesMade()).toEqual([]);
    });

    it('rejects unknown users and other providers', async () => {
      await developerToken('ann');
      const notFound = expect.objectContaining({ code: 'ResourceNotFoundException' });
      await expect(mergeUsers('ann', 'bob')).rejects.toEqual(notFound);
      await expect(mergeUsers('bob', 'ann')).rejects.toEqual(notFound);
      await expect(mergeUsers('bob', 'bob')).rejects.toEqual(notFound);
      await expect(mergeUsers('ann', 'ann', { DeveloperProviderName: 'other' })).rejects.toEqual(
        invalid(DEVELOPER_PROVIDER),
      );
      const IdentityPoolId = `us-east-1:${randomUUID()}`;
      await expect(mergeUsers('ann', 'ann', { IdentityPoolId })).rejects.toEqual(
        poolNotFound(IdentityPoolId),
      );
    });
  });
});
