import { CreateIdentityPoolCommand, DescribeIdentityPoolCommand } from '@aws-sdk/client-cognito-identity';
import { describe, expect, it } from 'vitest';
import { describeDeveloperOnly, errorOf, openIdentityCloud } from '../../fixtures/wire/identity-cloud.ts';

const cloud = await openIdentityCloud();
const { developer } = cloud;

const SETTINGS = {
  IdentityPoolName: 'Game players',
  AllowUnauthenticatedIdentities: false,
  AllowClassicFlow: true,
  SupportedLoginProviders: { 'accounts.google.com': 'app-1' },
  DeveloperProviderName: 'login.example.com',
  OpenIdConnectProviderARNs: ['arn:aws:iam::000000000000:oidc-provider/login.example'],
  CognitoIdentityProviders: [{ ProviderName: 'pool', ClientId: 'c1', ServerSideTokenCheck: false }],
  SamlProviderARNs: ['arn:aws:iam::000000000000:saml-provider/login'],
  IdentityPoolTags: { team: 'game' },
};

describe('CreateIdentityPool', () => {
  it('returns the new pool with all its settings, and stores them', async () => {
    const { $metadata, ...created } = await developer.send(new CreateIdentityPoolCommand(SETTINGS));
    expect(created).toEqual({
      ...SETTINGS,
      IdentityPoolId: expect.stringMatching(/^us-east-1:[0-9a-f-]{36}$/),
    });
    const { IdentityPoolId } = created;
    expect(await developer.send(new DescribeIdentityPoolCommand({ IdentityPoolId }))).toMatchObject(created);
  });

  it('rejects a pool with more than 50 tags', async () => {
    const tags = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`key ${index}`, 'v']));
    await developer.send(new CreateIdentityPoolCommand({ ...SETTINGS, IdentityPoolTags: tags(50) }));
    const tooMany = developer.send(
      new CreateIdentityPoolCommand({ ...SETTINGS, IdentityPoolTags: tags(51) }),
    );
    expect(await errorOf(tooMany)).toEqual({
      name: 'InvalidParameterException',
      message: 'An identity pool can have at most 50 tags.',
    });
  });

  describeDeveloperOnly(cloud, (client) => client.send(new CreateIdentityPoolCommand(SETTINGS)));
});
