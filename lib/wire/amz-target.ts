import { header, type RequestHead } from './canonical-request.ts';

/** The namespace of each service that can be named in `X-Amz-Target`. Source: the samples of both API references. */
const NAMESPACES = {
  AWSCognitoIdentityService: 'com.amazonaws.cognito.identity.model',
  AWSCognitoSyncService: 'com.amazonaws.cognito.sync.model',
} as const;

/**
 * Returns the name of the operation that `X-Amz-Target` names. The SDKs send `<service>.<operation>`; the API references
 * and clients written after them put the service's namespace in front.
 *
 * @returns the name, which need not be that of an operation; undefined if the target is missing or of another service
 */
export function targetedOperation(
  request: Pick<RequestHead, 'headers'>,
  service: keyof typeof NAMESPACES,
): string | undefined {
  const target = header(request, 'x-amz-target') ?? '';
  const prefix = [`${service}.`, `${NAMESPACES[service]}.${service}.`].find((form) =>
    target.startsWith(form),
  );
  return prefix === undefined ? undefined : target.slice(prefix.length);
}
