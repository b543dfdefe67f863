import { DescribeIdentityCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { login } from '../../fixtures/identity/identity-service.ts';
import {
  describeDeveloperOnly,
  errorOf,
  identityNotFound,
  openIdentityCloud,
  UNKNOWN_IDENTITY,
} from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { developer, newPool, getId } = cloud;

const describeIdentity = (IdentityId: string) => developer.send(new DescribeIdentityCommand({ IdentityId }));

describe('DescribeIdentity', () => {
  it('returns the dates of an identity and the names of its providers', async () => {
    const id = await getId(await newPool(), { ...login('ann'), ...login('ann', 'graph.facebook.com') });
    const { $metadata, ...described } = await describeIdentity(id);
    expect(described).toEqual({
      IdentityId: id,
      Logins: ['accounts.google.com', 'graph.facebook.com'],
      CreationDate: expect.any(Date),
      LastModifiedDate: expect.any(Date),
    });
    const age = Date.now() - Number(described.CreationDate);
    expect(age).toBeLessThan(60_000);
  });

  it('returns no providers for a guest', async () => {
    const guest = await getId(await newPool());
    expect(await describeIdentity(guest)).toMatchObject({ IdentityId: guest, Logins: [] });
  });

  it('does not find an unknown identity', async () => {
    expect(await errorOf(describeIdentity(UNKNOWN_IDENTITY))).toEqual(identityNotFound);
  });

  describeDeveloperOnly(cloud, (client, _, IdentityId) =>
    client.send(new DescribeIdentityCommand({ IdentityId })),
  );
});
