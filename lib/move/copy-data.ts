import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { IdentityKey } from '../common/dataset-key.ts';
import { copyDatasets } from './copy-datasets.ts';
import { type CopyRun, type IdentityCopy, skip } from './copy-run.ts';
import type { ReplicaIdentity } from './ports/move-store.ts';

/** Identities per query. */
const PAGE = 100;
/**
 * Maximum number of identities that are copied concurrently. This limits memory. The rate limit limits the calls to the
 * origin.
 */
const CONCURRENT = 8;

/** Copies the developer users and the datasets of all identities that were copied. */
export async function copyData(run: CopyRun): Promise<void> {
  const { deps, options, progress, startedAt } = run;
  const { identityPoolId, signal } = options;
  const counted = await deps.store.countIdentities(identityPoolId, startedAt);
  const report = createReport(run, counted.identities - counted.takenOver);
  for (;;) {
    const after = progress.position ?? '';
    const page = await deps.store.listIdentities(identityPoolId, { after, limit: PAGE, startedAt });
    const queue = page.values();
    const work = async () => {
      for (const identity of queue) {
        if (signal?.aborted) return;
        await copyIdentity(run, identity);
        report();
      }
    };
    await allDone(Array.from({ length: CONCURRENT }, work));
    if (signal?.aborted) return;
    progress.position = page.at(-1)?.identityId ?? after;
    await run.save();
    if (page.length < PAGE) break;
  }
  // Not one identity could be copied, so the failure concerns all of them.
  if (run.firstRefusal !== null && progress.counts.copied === 0) throw run.firstRefusal;
}

/** Waits for all workers, even if one fails, so that none works on after the failure was reported. */
export async function allDone(workers: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(workers)).find((worker) => worker.status === 'rejected');
  if (failed) throw failed.reason;
}

async function copyIdentity(run: CopyRun, identity: ReplicaIdentity): Promise<void> {
  const { deps, options, progress, startedAt } = run;
  const isOwned = identity.state === 'kept' && identity.isMoved;
  if (identity.isCopied || (identity.state === 'kept' && !isOwned)) return;
  if (!isOwned && !identity.isListed) {
    // An identity that was created after the start of the copy need not be in the listings. It does not count as
    // missing, because the stream has its data.
    if (identity.createdAt < startedAt) progress.counts.missing += 1;
    return;
  }
  const key = { identityPoolId: options.identityPoolId, identityId: identity.identityId };
  try {
    if (isOwned) return await markDatasets(run, key);
    await copyDevelopersOf(run, key, identity.providers);
    await copyDatasets(run, key);
  } catch (error) {
    if (await isGone(run, key, error)) {
      progress.counts.missing += 1;
      return;
    }
    const reason = await run.skips.reasonFor(error, 'identity');
    if (reason === null) throw error;
    run.firstRefusal ??= error;
    skip(run, { identityId: identity.identityId, datasetName: null, reason });
    return;
  }
  await deps.store.markCopied(key, startedAt);
  progress.counts.copied += 1;
}

/**
 * Marks all datasets of an identity that this service owns, so that the bridge compares them with the origin. This finds
 * changes that the bridge missed because events were lost, or because this service was restored from a backup.
 */
async function markDatasets({ deps, paced }: CopyRun, key: IdentityKey): Promise<void> {
  const known = await deps.store.readDatasets(key);
  const listed = await paced(() => deps.origin.listDatasets(key));
  const names = new Set([...known, ...listed].map(({ datasetName }) => datasetName));
  await deps.store.markChanged(key, [...names]);
}

/**
 * Returns whether a call failed because the identity was deleted at the origin since it was listed. It is not documented
 * how Amazon rejects such a call.
 */
async function isGone(
  { deps, paced }: CopyRun,
  { identityId }: IdentityKey,
  error: unknown,
): Promise<boolean> {
  if (!(error instanceof SyncClientError)) return false;
  if (error.condition !== 'not-authorized' && error.condition !== 'not-found') return false;
  try {
    return (await paced(() => deps.origin.describeIdentity(identityId))) === null;
  } catch (unclear) {
    if (unclear instanceof SyncClientError) return false;
    throw unclear;
  }
}

/** Copies the developer users of an identity. @param providers the providers that the identity has at the origin */
export async function copyDevelopersOf(
  run: IdentityCopy,
  key: IdentityKey,
  providers: readonly string[],
): Promise<void> {
  const { deps, paced, developerProvider } = run;
  if (developerProvider === undefined || !providers.includes(developerProvider)) return;
  const userIds = await paced(() => deps.origin.listDeveloperUsers(key));
  if ((await deps.store.putDeveloperUsers(key, developerProvider, userIds)) === 0) return;
  skip(run, { identityId: key.identityId, datasetName: null, reason: 'login-taken' });
}

/** Estimates the remaining time from the identities that this call has copied. */
function createReport({ deps, options, progress }: CopyRun, total: number): () => void {
  const { phase, counts } = progress;
  const began = { at: deps.now(), done: counts.copied + counts.missing };
  return () => {
    const done = counts.copied + counts.missing;
    const elapsedMs = deps.now() - began.at;
    const remainingMs =
      done > began.done ? (elapsedMs / (done - began.done)) * Math.max(total - done, 0) : null;
    options.onProgress?.({ phase, counts, total, done, remainingMs });
  };
}
