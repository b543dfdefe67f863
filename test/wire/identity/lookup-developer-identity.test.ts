import {
  LookupDeveloperIdentityCommand,
  type LookupDeveloperIdentityCommandInput,
} from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { login } from '../../fixtures/identity/identity-service.ts';
import {
  describeDeveloperOnly,
  errorOf,
  identityNotFound,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_IDENTITY,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { developer, newPool, getId, logIn } = cloud;

const lookUp = (input: LookupDeveloperIdentityCommandInput) =>
  developer.send(new LookupDeveloperIdentityCommand(input));

describe('LookupDeveloperIdentity', () => {
  it('returns the identity of a user', async () => {
    const IdentityPoolId = await newPool();
    const { IdentityId } = await logIn(IdentityPoolId, 'ada');
    await logIn(IdentityPoolId, 'grace', IdentityId);
    const { $metadata, ...found } = await lookUp({ IdentityPoolId, DeveloperUserIdentifier: 'ada' });
    expect(found).toEqual({ IdentityId, DeveloperUserIdentifierList: ['ada'] });
  });

  it('returns the users of an identity, page by page, without users of public providers', async () => {
    const IdentityPoolId = await newPool();
    const IdentityId = await getId(IdentityPoolId, login('ann'));
    const users = ['ada', 'grace', 'ü'.repeat(1_024), 'edith', 'joan'];
    for (const user of users) await logIn(IdentityPoolId, user, IdentityId);
    const found: string[] = [];
    let NextToken: string | undefined;
    do {
      const page = await lookUp({ IdentityPoolId, IdentityId, MaxResults: 2, NextToken });
      expect(page.DeveloperUserIdentifierList?.length).toBeLessThanOrEqual(2);
      found.push(...(page.DeveloperUserIdentifierList ?? []));
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    expect(found.toSorted()).toEqual(users.toSorted());
    const whole = await lookUp({ IdentityPoolId, IdentityId });
    expect(whole.DeveloperUserIdentifierList).toEqual(found);
    expect(whole.NextToken).toBeUndefined();
  });

  it('returns an empty list for an identity without users', async () => {
    const IdentityPoolId = await newPool();
    const found = await lookUp({ IdentityPoolId, IdentityId: await getId(IdentityPoolId) });
    expect(found.DeveloperUserIdentifierList).toEqual([]);
  });

  it('verifies that a user and an identity belong together', async () => {
    const IdentityPoolId = await newPool();
    const { IdentityId } = await logIn(IdentityPoolId, 'ada');
    const both = { IdentityPoolId, IdentityId, DeveloperUserIdentifier: 'ada' };
    expect(await lookUp(both)).toMatchObject({ IdentityId, DeveloperUserIdentifierList: ['ada'] });
    for (const wrong of [{ IdentityId: await getId(IdentityPoolId) }, { DeveloperUserIdentifier: 'grace' }]) {
      expect(await errorOf(lookUp({ ...both, ...wrong }))).toMatchObject({
        name: 'ResourceConflictException',
      });
    }
  });

  it('does not accept the NextToken of another identity', async () => {
    const IdentityPoolId = await newPool();
    const { IdentityId } = await logIn(IdentityPoolId, 'ada');
    await logIn(IdentityPoolId, 'grace', IdentityId);
    const { NextToken } = await lookUp({ IdentityPoolId, IdentityId, MaxResults: 1 });
    expect(NextToken).toBeTypeOf('string');
    const other = { IdentityPoolId, IdentityId: await getId(IdentityPoolId), NextToken };
    expect(await errorOf(lookUp(other))).toMatchObject({ name: 'InvalidParameterException' });
  });

  it('does not find unknown users, identities and pools', async () => {
    const IdentityPoolId = await newPool();
    const unknownUser = lookUp({ IdentityPoolId, DeveloperUserIdentifier: 'ada' });
    expect(await errorOf(unknownUser)).toMatchObject({ name: 'ResourceNotFoundException' });
    const inAnotherPool = lookUp({ IdentityPoolId, IdentityId: await getId(await newPool()) });
    expect(await errorOf(inAnotherPool)).toMatchObject({ name: 'ResourceNotFoundException' });
    const unknown = lookUp({ IdentityPoolId, IdentityId: UNKNOWN_IDENTITY });
    expect(await errorOf(unknown)).toEqual(identityNotFound);
    expect(await errorOf(lookUp({ IdentityPoolId: UNKNOWN_POOL, IdentityId: UNKNOWN_IDENTITY }))).toEqual(
      poolNotFound,
    );
  });

  it('rejects a request with neither a user nor an identity, and a pool without a developer provider', async () => {
    const invalid = { name: 'InvalidParameterException' };
    expect(await errorOf(lookUp({ IdentityPoolId: await newPool() }))).toMatchObject(invalid);
    const IdentityPoolId = await newPool({ DeveloperProviderName: undefined });
    expect(await errorOf(lookUp({ IdentityPoolId, DeveloperUserIdentifier: 'ada' }))).toMatchObject(invalid);
  });

  describeDeveloperOnly(cloud, (client, IdentityPoolId, IdentityId) =>
    client.send(new LookupDeveloperIdentityCommand({ IdentityPoolId, IdentityId })),
  );
});
