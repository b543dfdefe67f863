import type { EvidenceError } from '../../lib/backfill/ports/evidence.ts';
import type { OperatedService } from '../../lib/backfill/ports/operated-service.ts';
import { type SyncClientCondition, SyncClientError } from '../../lib/backfill/ports/sync-client.ts';
import { SetupError } from '../../lib/common/errors.ts';

/**
 * Opens the service, runs `work` with it and closes it.
 * @throws {SetupError} a request failed; the message says what to do
 */
export async function withService<Result>(
  openService: (identityPoolId?: string) => Promise<OperatedService>,
  identityPoolId: string,
  work: (service: OperatedService) => Promise<Result>,
): Promise<Result> {
  const service = await openService(identityPoolId);
  try {
    return await work(service);
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    throw new SetupError(describeFailure(error, service, identityPoolId), { cause: error });
  } finally {
    service.close();
  }
}

/**
 * Opens the service for a command that can also work without the service.
 * @returns the service; or, if the environment does not say where the service is, null and the reason in `why`
 */
export async function openServiceIfAny(
  openService: (identityPoolId?: string) => Promise<OperatedService>,
  identityPoolId: string | undefined,
): Promise<{ service: OperatedService; why: null } | { service: null; why: string }> {
  try {
    return { service: await openService(identityPoolId), why: null };
  } catch (error) {
    if (error instanceof SetupError) return { service: null, why: error.message };
    throw error;
  }
}

/** Describes in one line why a request to the service failed and what to do. */
export function describeFailure(
  failure: { condition: SyncClientCondition; message: string },
  { name }: Pick<OperatedService, 'name'>,
  identityPoolId?: string,
): string {
  const message = failure.message.replaceAll(/\s+/g, ' ');
  switch (failure.condition) {
    case 'not-found':
      return identityPoolId === undefined
        ? message
        : `there is no identity pool ${identityPoolId} at ${name}`;
    case 'not-authorized':
      return `these credentials are not authorized at ${name}: ${message}`;
    case 'credentials':
      return `${name} cannot be called: ${message}; log in again, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`;
    case 'throttled':
      return `${name} is throttling requests: ${message}; try again later`;
    case 'limit':
      return `the change exceeds a limit of ${name}: ${message}`;
    case 'unavailable':
      return `${name} cannot be reached (check AWS_ENDPOINT_URL; if it is unset, the service is Amazon's): ${message}`;
    case 'refused':
      return `${name} rejected the request: ${message}`;
  }
}

/** Describes in one line why a stream cannot be read. */
export function describeStreamFailure(error: EvidenceError, streamName: string): string {
  const message = error.message.replaceAll(/\s+/g, ' ');
  return error.condition === 'not-found'
    ? `stream ${streamName} does not exist in the region of the pool (${message})`
    : `stream ${streamName} cannot be read: ${message}`;
}
