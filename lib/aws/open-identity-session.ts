import {
  type CognitoIdentityClient,
  DescribeIdentityCommand,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-cognito-identity';
import type { SessionCredentials } from './cognito-sync-client.ts';

interface IdentityLogin {
  identityPoolId: string;
  /** Default: GetId returns the identity of the logins, or creates one. */
  identityId?: string | undefined;
  /** Tokens by provider name. Default: none, so the identity must be a guest. */
  logins?: Record<string, string> | undefined;
}

interface IdentitySession {
  identityId: string;
  /** The identity's own credentials. Undefined if Cognito Identity does not have the given identity. */
  credentials: SessionCredentials | undefined;
}

/**
 * Logs in an identity as an app does: GetId, if no id is given, then GetCredentialsForIdentity.
 *
 * @param client a client with developer credentials, which only the look-up of a given id needs
 * @throws the SDK's error of the operation that failed
 */
export async function openIdentitySession(
  client: CognitoIdentityClient,
  { identityPoolId: IdentityPoolId, identityId, logins: Logins }: IdentityLogin,
): Promise<IdentitySession> {
  if (identityId !== undefined && !(await isKnown(client, identityId))) {
    return { identityId, credentials: undefined };
  }
  const IdentityId =
    identityId ?? (await client.send(new GetIdCommand({ IdentityPoolId, Logins }))).IdentityId;
  const answer = await client.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins }));
  const { AccessKeyId, SecretKey, SessionToken } = answer.Credentials ?? {};
  if (!answer.IdentityId || !AccessKeyId || !SecretKey || !SessionToken) {
    throw new Error('GetCredentialsForIdentity returned no credentials');
  }
  return {
    identityId: answer.IdentityId,
    credentials: { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken },
  };
}

/**
 * Asks for the description of an identity, because the error of GetCredentialsForIdentity is the same for an unknown
 * identity and for missing logins.
 */
async function isKnown(client: CognitoIdentityClient, IdentityId: string): Promise<boolean> {
  try {
    await client.send(new DescribeIdentityCommand({ IdentityId }));
    return true;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return false;
    throw error;
  }
}
