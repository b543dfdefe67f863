import { SetupError, ValueRefusedError } from '../../common/errors.ts';
import {
  type FailureObject,
  failureObjectName,
  givenUpAt,
  readFailureObject,
} from '../../projection/failure-object.ts';
import type { RedrivenObjects } from '../../projection/ports/redriven-objects.ts';
import { type CountFailedBatches, EvidenceError } from '../ports/evidence.ts';
import type { StreamTime } from '../ports/publish-store.ts';

interface CountFailedBatchesDeps {
  /** Lists the objects of the failure destination. @throws {SetupError} the destination cannot be read */
  listFailureObjects: () => AsyncIterable<FailureObject>;
  redriven: RedrivenObjects;
}

/**
 * Clocks differ. A batch that was discarded up to this long before a period may therefore contain records that arrived
 * in the period.
 */
const MARGIN_MS = 60 * 60 * 1000;

/**
 * Counts the batches in a failure destination that contain records which arrived in a period, and that `redrive` has
 * not processed. A destination that does not exist, for example because its name is misspelt, is an error, not an empty
 * destination.
 */
export function createCountFailedBatches({
  listFailureObjects,
  redriven,
}: CountFailedBatchesDeps): CountFailedBatches {
  return async (time) => {
    try {
      const candidates = await listCandidates(listFailureObjects(), time);
      const done = await redriven.among(candidates.map(({ name }) => failureObjectName(name)));
      let count = 0;
      for (const object of candidates) {
        if (!done.has(failureObjectName(object.name)) && (await overlaps(object, time))) count += 1;
      }
      return count;
    } catch (error) {
      if (error instanceof SetupError) throw new EvidenceError('unavailable', error.message);
      throw error;
    }
  };
}

/** Skips objects that were discarded before the period: a batch cannot be discarded before its records arrive. */
async function listCandidates(
  objects: AsyncIterable<FailureObject>,
  { from }: StreamTime,
): Promise<FailureObject[]> {
  const candidates: FailureObject[] = [];
  for await (const object of objects) {
    const at = givenUpAt(object.name);
    if (at === null || at >= from - MARGIN_MS) candidates.push(object);
  }
  return candidates;
}

async function overlaps({ read }: FailureObject, { streamName, from, to }: StreamTime): Promise<boolean> {
  try {
    const deliveries = readFailureObject(await read()) ?? [];
    const arrivals = deliveries
      .filter(({ position }) => position.streamName === streamName)
      .map(({ position }) => position.arrivedAt);
    return arrivals.length > 0 && Math.min(...arrivals) <= to && Math.max(...arrivals) >= from;
  } catch (error) {
    // The object cannot be interpreted, so its records were not projected. Count the batch.
    if (error instanceof ValueRefusedError) return true;
    throw error;
  }
}
