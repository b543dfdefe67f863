import type { EvidenceError } from '../../lib/backfill/evidence.ts';
import type { OperatedService } from '../../lib/backfill/operated-service.ts';
import { type SyncClientCondition, SyncClientError } from '../../lib/backfill/sync-client.ts';
import { SetupError } from '../../lib/common/errors.ts';

/**
 * Opens the service for one piece of work.
 * @throws {SetupError} it could not be asked, in words that say what can be done
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
 * Opens the service for a command that has something to do without it, too.
 * @returns null where nobody said where it is, and why
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

/** Why a service did not answer, and what can be done about it: in one line. */
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
      return `these credentials may not do that at ${name}: ${message}`;
    case 'credentials':
      return `${name} cannot be asked: ${message}; log in anew, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`;
    case 'throttled':
      return `${name} is asked too often at the moment, try again later: ${message}`;
    case 'unavailable':
      return `${name} cannot be reached (AWS_ENDPOINT_URL says where it is; unset, it is Amazon's): ${message}`;
    case 'refused':
      return `${name} refuses that: ${message}`;
  }
}

/** The same of a stream. */
export function describeStreamFailure(error: EvidenceError, streamName: string): string {
  const message = error.message.replaceAll(/\s+/g, ' ');
  return error.condition === 'not-found'
    ? `there is no stream ${streamName} in the region of the pool (${message})`
    : `the stream ${streamName} cannot be read: ${message}`;
}
