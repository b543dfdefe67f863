import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  GetOpenIdTokenCommand,
  GetOpenIdTokenForDeveloperIdentityCommand,
  UnlinkDeveloperIdentityCommand,
  UnlinkIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { decodeJwt, errors } from 'jose';
import { SyncClientError } from '../backfill/ports/sync-client.ts';
import { ServiceError, type ServiceErrorCode } from '../common/errors.ts';
import type { PublicOrigin } from '../move/ports/public-origin.ts';
import type { OriginSettings } from '../move/read-origin-settings.ts';
import { atEndpoint } from './at-endpoint.ts';
import { toAwsFailure } from './aws-failure.ts';

/** A client of this service waits for the origin's answer, and some clients wait only a few seconds. */
const TIMEOUT_MS = 3_000;
/**
 * Lifetime, in seconds, of the token that GetOpenIdTokenForDeveloperIdentity always issues. This service does not use
 * it.
 */
const DROPPED_SECONDS = 60;

/** Errors with which the origin rejects the client's logins or identity id. The client receives them unchanged. */
const OF_CLIENT: readonly ServiceErrorCode[] = [
  'NotAuthorizedException',
  'InvalidParameterException',
  'InvalidIdentityPoolConfigurationException',
  'ResourceConflictException',
  'ResourceNotFoundException',
];
/**
 * Errors with which the origin rejects the user or the identity id that a developer's backend sends.
 * NotAuthorizedException is not one of them, because its reason can be this service's own developer credentials.
 */
const OF_USER: readonly ServiceErrorCode[] = [
  'DeveloperUserAlreadyRegisteredException',
  'InvalidParameterException',
  'ResourceConflictException',
];

/**
 * Opens the operations of the origin that clients call. Their requests are not signed, except those of operations for
 * developers. The SDK does not retry, because the client does.
 */
export function openPublicOrigin({ endpoint, region, credentials }: OriginSettings): PublicOrigin {
  const client = new CognitoIdentityClient({
    region,
    ...atEndpoint(endpoint),
    // AWS_ENDPOINT_URL may be set to the address of this service.
    ignoreConfiguredEndpointUrls: true,
    // The SDK adds members to the object that it receives.
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: TIMEOUT_MS,
      requestTimeout: TIMEOUT_MS,
      throwOnRequestTimeout: true,
    }),
  });
  return {
    present: ({ operation, identityPoolId: IdentityPoolId, identityId, logins: Logins }) =>
      passOn(OF_CLIENT, async () => {
        if (operation === 'GetId' || identityId === null) {
          const { IdentityId } = await client.send(new GetIdCommand({ IdentityPoolId, Logins }));
          return { identityId: requireId(IdentityId), identityPoolId: IdentityPoolId };
        }
        const input = { IdentityId: identityId, Logins };
        if (operation === 'GetCredentialsForIdentity') {
          const { IdentityId } = await client.send(new GetCredentialsForIdentityCommand(input));
          return { identityId: requireId(IdentityId), identityPoolId: null };
        }
        const { IdentityId, Token } = await client.send(new GetOpenIdTokenCommand(input));
        return { identityId: requireId(IdentityId), identityPoolId: poolOf(Token) };
      }),

    logInDeveloperUser: ({ identityPoolId: IdentityPoolId, identityId, logins: Logins }) =>
      passOn(OF_USER, async () => {
        const about = { IdentityPoolId, Logins, TokenDuration: DROPPED_SECONDS };
        const IdentityId = identityId ?? undefined;
        const command = new GetOpenIdTokenForDeveloperIdentityCommand({ ...about, IdentityId });
        return requireId((await client.send(command)).IdentityId);
      }),

    unlink: ({ identityId: IdentityId, logins: Logins, providers }) =>
      passOn(OF_CLIENT, async () => {
        const input = { IdentityId, Logins, LoginsToRemove: [...providers] };
        await client.send(new UnlinkIdentityCommand(input));
      }),

    unlinkDeveloperUser: (user) =>
      passOn([...OF_USER, 'ResourceNotFoundException'], async () => {
        const input = {
          IdentityPoolId: user.identityPoolId,
          IdentityId: user.identityId,
          DeveloperProviderName: user.provider,
          DeveloperUserIdentifier: user.userId,
        };
        await client.send(new UnlinkDeveloperIdentityCommand(input));
      }),

    close: () => client.destroy(),
  };
}

/** @throws {ServiceError} the origin returned one of `codes`. @throws {SyncClientError} any other failure */
async function passOn<Answer>(
  codes: readonly ServiceErrorCode[],
  call: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    const code = codes.find((each) => error instanceof Error && error.name === each);
    if (code !== undefined && error instanceof Error) throw new ServiceError(code, error.message);
    const { condition, message } = toAwsFailure(error);
    throw new SyncClientError(condition, message);
  }
}

function requireId(identityId: string | undefined): string {
  if (identityId !== undefined) return identityId;
  throw new SyncClientError('unavailable', 'the origin returned no identity');
}

/** Returns the pool that an OpenID token names. The token comes from the origin itself, so it is not verified. */
function poolOf(token: string | undefined): string | null {
  try {
    const { aud } = decodeJwt(token ?? '');
    return typeof aud === 'string' ? aud : null;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return null;
    throw error;
  }
}
