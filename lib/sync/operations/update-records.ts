import { ServiceError } from '../../errors.ts';
import { afterCommit } from '../after-commit.ts';
import { applyPatches } from '../apply-patches.ts';
import { authorizeDataset, nameOf } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncOperations, UpdateRecordsOutput } from '../model.ts';
import { readPatches } from '../read-patches.ts';
import { notValidToken } from '../session-token.ts';
import { updateEvent } from '../stream-event.ts';
import type { Decision } from '../sync-store-port.ts';

// A host whose clock is behind by less still takes an expired token for good, so it must be known as spent.
const CLOCK_SKEW_MS = 60 * 60 * 1000;

/**
 * UpdateRecords: all patches in one transaction, which spends the token and puts the stream event into the outbox. The
 * dataset's count rises by one, and every record written gets the new count; a dataset that is not there is made. A
 * call that fails changes and spends nothing, and neither does one without patches, whose answer is empty.
 *
 * @returns the records written, in the order of the patches
 * @throws {ServiceError} InvalidParameterException, NotAuthorizedException, ResourceConflictException for a patch
 *   that is older than its record, LimitExceededException
 */
export function createUpdateRecords({
  store,
  tokens,
  now,
  limits,
  afterWrite,
}: SyncDependencies): SyncOperations['UpdateRecords'] {
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const patches = readPatches(input.RecordPatches ?? [], limits.patchesPerCall);
    const session = tokens.verify(input.SyncSessionToken, key);

    const about = { keys: patches.map((patch) => patch.key), session };
    const { answer, outboxId } = await store.change(key, about, (snapshot): Decision<UpdateRecordsOutput> => {
      if (snapshot.spent) throw notValidToken();
      if (patches.length === 0) return { update: null, answer: { Records: [] } };
      const at = now();
      const change = { datasetName: key.datasetName, modifiedBy: nameOf(caller), now: at, limits };
      const { dataset, records } = applyPatches(snapshot, patches, change);
      const event = updateEvent(key, dataset, records);
      checkSize(event.data, limits.eventBytes);
      const spend = { session, forgetBefore: at - CLOCK_SKEW_MS };
      return { update: { dataset, records, spend, event }, answer: { Records: records } };
    });
    await afterCommit(outboxId, afterWrite);
    return answer;
  };
}

/** The stream could never take it, so the write is refused rather than kept from everybody who reads the stream. */
function checkSize(event: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(event);
  if (bytes > maxBytes) {
    throw new ServiceError(
      'LimitExceededException',
      `the stream event of this call would have ${bytes} bytes; ${maxBytes} are allowed: send fewer patches at once`,
    );
  }
}
