import { identityDeleted } from './authorize.ts';
import { decidePatches, type PatchCall, type PatchDependencies, type PatchResult } from './decide-patches.ts';
import { poolNotFound } from './errors.ts';
import { type DatasetVersion, exists, type ListedDataset, type UpdateDecision } from './ports/sync-store.ts';
import { type ListedVersion, notValidToken } from './session-token.ts';
import { type WrittenPatches, writeUnread } from './write-unread.ts';

const NOTHING: PatchResult = { records: [], syncCount: 0, filling: null };
export const NOTHING_WRITTEN: WrittenPatches = { ...NOTHING, outboxId: null, subscribed: false };

/**
 * Writes patches to a dataset in any state. Takes one round trip if the dataset still has the version that the token
 * holds, or still does not exist, and if every patch can be applied.
 *
 * @param version the version of the dataset when the device listed it
 * @throws {ServiceError} the errors of UpdateRecords
 */
export async function writePatches(
  deps: PatchDependencies,
  call: PatchCall,
  version: ListedVersion,
): Promise<WrittenPatches> {
  const isEmpty = call.patches.length === 0;
  const written =
    version === undefined || isEmpty ? null : await writeUnread(deps, call, { version, allowsTrigger: true });
  return written ?? writeRead(deps, call, { isNew: version === null && !isEmpty });
}

/**
 * Writes patches to a dataset in any state, after reading the dataset.
 * @throws {ServiceError} the errors of UpdateRecords
 */
export async function writeRead(
  deps: PatchDependencies,
  call: PatchCall,
  { isNew }: { isNew: boolean },
): Promise<WrittenPatches> {
  return (await readAndWrite(deps, call, { isNew, accepts: () => true })) ?? NOTHING_WRITTEN;
}

/**
 * Writes patches to a dataset that is still in a given state.
 *
 * @param dataset the state; null if the dataset never existed
 * @returns null if the dataset has changed; then nothing is written
 * @throws {ServiceError} the errors of UpdateRecords
 */
export async function writePatchesAt(
  deps: PatchDependencies,
  call: PatchCall,
  dataset: ListedDataset | null,
): Promise<WrittenPatches | null> {
  const isKnown = dataset === null || exists(dataset);
  const written = isKnown ? await writeUnread(deps, call, { version: dataset, allowsTrigger: true }) : null;
  if (written) return written;
  return readAndWrite(deps, call, {
    isNew: !exists(dataset),
    accepts: (current) =>
      current?.syncCount === dataset?.syncCount && current?.lastModifiedDate === dataset?.lastModifiedDate,
  });
}

/**
 * Reads the dataset, decides, and writes.
 * @returns null if the dataset has a version that `accepts` rejects
 */
async function readAndWrite(
  deps: PatchDependencies,
  call: PatchCall,
  { isNew, accepts }: { isNew: boolean; accepts: (current: DatasetVersion | null) => boolean },
): Promise<WrittenPatches | null> {
  const { key, caller, session, patches } = call;
  const about = { keys: patches.map((patch) => patch.key), session, isNew };
  const { answer, outboxId, subscribed } = await deps.store.change(
    key,
    about,
    (snapshot): UpdateDecision<PatchResult | null> => {
      if (snapshot.identityDeleted) throw identityDeleted(caller, key);
      if (snapshot.spent) throw notValidToken();
      if (patches.length === 0) return { update: null, answer: NOTHING };
      if (!snapshot.poolExists) throw poolNotFound(key.identityPoolId);
      if (!accepts(snapshot.dataset)) return { update: null, answer: null };
      return decidePatches(deps, call, snapshot);
    },
  );
  return answer && { ...answer, outboxId, subscribed };
}
