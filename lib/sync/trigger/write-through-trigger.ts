import type { DatasetKey } from '../../common/dataset-key.ts';
import { buildSyncTriggerEvent } from '../../rules/sync-trigger-event.ts';
import { checkCounts } from '../check-counts.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncRecord } from '../model.ts';
import type { SyncSession } from '../ports/sync-store.ts';
import type { Patch } from '../read-patches.ts';
import { notValidToken } from '../session-token.ts';
import { answerPatches } from './answer-patches.ts';
import { invokeSyncTrigger } from './invoke-sync-trigger.ts';
import { readTriggerAnswer } from './read-trigger-answer.ts';

/** Fixed, as Amazon documents it; for all runs of one call together. */
const TIMEOUT_MS = 5_000;

type Deps = Pick<SyncDependencies, 'store' | 'invokeFunction' | 'now' | 'limits'>;

interface TriggeredUpdate {
  functionArn: string;
  key: DatasetKey;
  session: SyncSession;
  /** The device's; at least one. */
  patches: readonly Patch[];
}

/** What an update came to. */
export interface Written {
  answer: SyncRecord[];
  outboxId: string | null;
  /** The dataset's new count, where there are devices to be told of it. */
  countToPush: number | null;
}

const NOTHING_WRITTEN: Written = { answer: [], outboxId: null, countToPush: null };

/**
 * Writes patches, decided on at a count of the dataset.
 * @throws {DatasetMovedError} it has another one, and nothing is written
 * @throws {ServiceError}
 */
type WriteAt = (patches: readonly Patch[], syncCount: number) => Promise<Written>;

/** Others came first: what was decided on the dataset as it was has to be decided once more. */
export class DatasetMovedError extends Error {
  override name = 'DatasetMovedError';
}

/**
 * Has the function look at the patches and writes what it answers. It runs before the transaction, on the dataset as it
 * is then; where that changed meanwhile, it runs again on what it has become. So a patch that has become stale is a
 * conflict, and nothing else is.
 *
 * @returns the records written, and, of the device's keys that the function left out, those that are there
 * @throws {ServiceError} as UpdateRecords
 */
export async function writeThroughTrigger(
  deps: Deps,
  update: TriggeredUpdate,
  write: WriteAt,
): Promise<Written> {
  let deadline: number | null = null;
  for (;;) {
    const { syncCount, stored } = await readCurrent(deps, update);
    deadline ??= deps.now() + TIMEOUT_MS;
    const toWrite = await askFunction(deps, update, stored, deadline);
    try {
      const { answer: written, ...outcome } =
        toWrite.length === 0 ? NOTHING_WRITTEN : await write(toWrite, syncCount);
      return { answer: answerPatches(update.patches, { written, stored, now: deps.now() }), ...outcome };
    } catch (error) {
      if (!(error instanceof DatasetMovedError)) throw error;
    }
  }
}

type Records = ReadonlyMap<string, SyncRecord>;

/** What the function is not asked about is refused before it is. */
async function readCurrent(
  { store }: Deps,
  { key, session, patches }: TriggeredUpdate,
): Promise<{ syncCount: number; stored: Records }> {
  const read = await store.readRecords(key, { session, after: 0, upTo: null, limit: null });
  if (read.spent) throw notValidToken();
  const stored = new Map(read.records.map((record) => [record.Key, record]));
  const syncCount = read.dataset?.syncCount ?? 0;
  const ofRecord = (recordKey: string) => stored.get(recordKey)?.SyncCount ?? 0;
  checkCounts({ dataset: syncCount, ofRecord }, patches);
  return { syncCount, stored };
}

async function askFunction(
  { invokeFunction, now, limits }: Deps,
  { functionArn, key, patches }: TriggeredUpdate,
  stored: Records,
  deadline: number,
): Promise<Patch[]> {
  const event = buildSyncTriggerEvent(key, stored.values(), patches);
  // A clock that is put back must not give it more.
  const timeoutMs = Math.min(deadline - now(), TIMEOUT_MS);
  const answer = await invokeSyncTrigger(invokeFunction, functionArn, event, timeoutMs);
  return readTriggerAnswer(answer, { event, patches, stored, maxPatches: limits.patchesPerCall });
}
