import { GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { login } from '../../fixtures/identity/identity-service.ts';
import {
  errorOf,
  openIdentityCloud,
  poolNotFound,
  UNKNOWN_POOL,
} from '../../fixtures/wire/identity-cloud.ts';

const { app, newPool, getId } = await openIdentityCloud();

describe('GetId', () => {
  it('returns a new guest for each request without logins', async () => {
    const pool = await newPool();
    const ids = [await getId(pool), await getId(pool)];
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(/^us-east-1:[0-9a-f-]{36}$/);
  });

  it('returns the same identity for the same user', async () => {
    const pool = await newPool();
    const ann = await getId(pool, login('ann'));
    expect(await getId(pool, login('ann'))).toBe(ann);
    expect(await getId(pool, login('ben'))).not.toBe(ann);
    expect(await getId(await newPool(), login('ann'))).not.toBe(ann);
  });

  it('accepts the id of an AWS account', async () => {
    const input = { IdentityPoolId: await newPool(), AccountId: '000000000000' };
    expect((await app.send(new GetIdCommand(input))).IdentityId).toBeTypeOf('string');
  });

  it('creates no guest if the pool does not allow guests', async () => {
    const pool = await newPool({ AllowUnauthenticatedIdentities: false });
    expect(await errorOf(getId(pool))).toEqual({
      name: 'NotAuthorizedException',
      message: 'Unauthenticated access is not supported for this identity pool.',
    });
  });

  it('does not find an unknown pool', async () => {
    expect(await errorOf(getId(UNKNOWN_POOL))).toEqual(poolNotFound);
  });
});
