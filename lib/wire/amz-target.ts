import { header, type RequestHead } from './canonical-request.ts';

/** The namespace of each service that can be named in `X-Amz-Target`. Source: the samples of both API references. */
const NAMESPACES = {
  AWSCognitoIdentityService: 'com.amazonaws.cognito.identity.model',
  AWSCognitoSyncService: 'com.amazonaws.cognito.sync.model',
} as const;

/**
 * Returns the name of the operation in the header `X-Amz-Target`. The SDKs send `<service>.<operation>`. The samples in
 * the API references send `<namespace>.<service>.<operation>`, and so do clients that follow the samples.
 *
 * @returns the name, even if no operation has this name; undefined if the header is missing or names another service
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
