import { createServer } from 'node:http';
import { CognitoIdentityClient, GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_RATE_LIMITS } from '../../lib/common/rate-limit-settings.ts';
import { createPlayerPool } from '../clients/player-pool.ts';
import { listen } from '../fixtures/aws/kinesis-emulator.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';

const FACEBOOK = 'graph.facebook.com';

describe('a login provider that does not respond', () => {
  it('does not delay other clients behind the same address', async () => {
    const provider = createServer();
    const loginProviders = new Map([
      [FACEBOOK, { appId: '1234', appSecret: 's3cret', endpoint: await listen(provider) }],
    ]);
    const cloud = await startCloud({ logins: 'verified', loginProviders, rateLimits: DEFAULT_RATE_LIMITS });
    const client = new CognitoIdentityClient({ region: 'us-east-1', endpoint: cloud.url, maxAttempts: 1 });
    onTestFinished(async () => {
      client.destroy();
      await cloud.close();
      provider.close();
      provider.closeAllConnections();
    });
    const IdentityPoolId = await createPlayerPool(cloud.url, {
      SupportedLoginProviders: { [FACEBOOK]: '1234' },
    });
    const getId = (Logins = {}) => client.send(new GetIdCommand({ IdentityPoolId, Logins }));
    let ended = 0;
    const waiting = Array.from({ length: 6 }, async (_, user) => {
      const outcome = await getId({ [FACEBOOK]: `EAA1021524177383102${user}` }).catch((error) => error);
      ended += 1;
      return outcome;
    });
    await expect
      .poll(() => new Promise((resolve) => provider.getConnections((_, count) => resolve(count))))
      .toBe(6);
    expect((await getId()).IdentityId).toMatch(/^us-east-1:/);
    expect(ended).toBe(0);
    provider.closeAllConnections();
    expect(await Promise.all(waiting)).toEqual(
      waiting.map(() => expect.objectContaining({ name: 'ExternalServiceException' })),
    );
  });
});
