import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import { ValueRefusedError } from '../common/errors.ts';
import type { Limits } from '../sync/limits.ts';
import type { CopyProblem, CopyRun } from './copy-run.ts';
import type { KnownReplica } from './ports/move-store.ts';
import type { OriginDataset, OriginListing } from './ports/origin.ts';
import { type ReadDataset, readListing } from './read-listing.ts';

/**
 * Copies the datasets of an identity, and removes those that no longer exist at the origin. Reads the known datasets
 * first: a dataset that an event creates here during the listing must not be taken for one that the origin removed.
 */
export async function copyDatasets(run: CopyRun, identity: IdentityKey): Promise<void> {
  const { deps, paced } = run;
  const known = await deps.store.readDatasets(identity);
  const listed = await paced(() => deps.origin.listDatasets(identity));
  const skip = createSkip(run, identity);
  if (listed.length > deps.limits.datasetsPerIdentity) skip(null, 'above-limits');
  for (const dataset of listed) {
    await unlessRefused(
      () => copyDataset(run, identity, dataset, skip),
      (reason) => skip(dataset.datasetName, reason),
    );
  }
  const names = new Set(listed.map(({ datasetName }) => datasetName));
  for (const datasetName of rootsOf(names)) {
    const root = { ...identity, datasetName };
    await unlessRefused(
      () => copyMerges(run, root),
      () => undefined,
    );
  }
  for (const dataset of known) {
    if (!dataset.exists || names.has(dataset.datasetName)) continue;
    await unlessRefused(
      () => removeDataset(run, identity, dataset),
      (reason) => skip(dataset.datasetName, reason),
    );
  }
}

type Skip = (datasetName: string | null, reason: CopyProblem) => void;

function createSkip({ options, progress }: CopyRun, { identityId }: IdentityKey): Skip {
  return (datasetName, reason) => {
    progress.counts.skipped += 1;
    options.onSkipped?.({ identityId, datasetName, reason });
  };
}

/**
 * An origin can reject the name of a dataset: the name of a merged copy can be longer than the API accepts. The database
 * can reject a value. Neither must stop the copy.
 */
async function unlessRefused(
  work: () => Promise<void>,
  onRefused: (reason: CopyProblem) => void,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ValueRefusedError) return onRefused('value-refused');
    if (error instanceof SyncClientError && error.condition === 'refused') return onRefused('refused');
    throw error;
  }
}

async function copyDataset(
  run: CopyRun,
  identity: IdentityKey,
  described: OriginDataset,
  skip: Skip,
): Promise<void> {
  const { deps, paced, progress } = run;
  const { datasetName } = described;
  const key = { ...identity, datasetName };
  const read = await readListing({ origin: deps.origin, paced }, key, described);
  // The dataset was deleted since it was listed. The stream has the event.
  if (read === 'gone') return;
  if (read === 'kept-changing') return skip(datasetName, 'kept-changing');
  const applied = await deps.store.applyChange(read.change);
  if (applied.outcome === 'kept') return;
  progress.counts.datasets += 1;
  progress.counts.records += applied.records;
  if (read.listing.mergedNames.length > 0) await deps.store.markMergedCopies(key, read.listing.mergedNames);
  if (read.change.records.length < read.listing.records.length) skip(datasetName, 'unstorable');
  if (applied.leftOut > 0) skip(datasetName, 'not-published');
  if (isAboveLimits(read, deps.limits)) skip(datasetName, 'above-limits');
}

function isAboveLimits({ change: { records } }: ReadDataset, limits: Limits): boolean {
  const live = records.filter(({ value }) => value !== null);
  const keyBytes = records.reduce((sum, { key }) => sum + Buffer.byteLength(key), 0);
  const bytes = live.reduce(
    (sum, { key, value }) => sum + Buffer.byteLength(key) + Buffer.byteLength(value ?? ''),
    0,
  );
  return (
    live.length > limits.recordsPerDataset ||
    bytes > limits.datasetBytes ||
    records.length > limits.rowsPerDataset ||
    keyBytes > limits.keyBytesPerDataset
  );
}

/** The name of a merged copy: the name of its root, and the id of the identity that was merged. */
const COPY = /^(.+)\.[\w-]+:[0-9a-f-]+$/;

/** Returns the names of datasets that merged copies belong to, but that do not exist themselves. */
function rootsOf(names: ReadonlySet<string>): Set<string> {
  const roots = [...names].flatMap((name) => COPY.exec(name)?.[1] ?? []);
  return new Set(roots.filter((root) => !names.has(root)));
}

async function copyMerges({ deps, paced }: CopyRun, root: DatasetKey): Promise<void> {
  const { mergedNames } = await paced(() => deps.origin.listRecords(root));
  if (mergedNames.length > 0) await deps.store.markMergedCopies(root, mergedNames);
}

/**
 * Removes a dataset as it was before the origin listed its datasets. Anything that an event has written since then is
 * newer and remains. The removal's date is unknown; the event about the removal has it.
 */
async function removeDataset(
  { deps, paced, progress }: CopyRun,
  identity: IdentityKey,
  { datasetName, version }: KnownReplica,
): Promise<void> {
  const dataset = { ...identity, datasetName };
  const listing: OriginListing = await paced(() => deps.origin.listRecords(dataset));
  if (listing.exists) return;
  const syncCount = Math.max(version.syncCount, listing.syncCount);
  const removal = { lastModifiedDate: version.lastModifiedDate, syncCount };
  const change = { dataset, version, removal, records: [], listing: null };
  const { outcome } = await deps.store.applyChange(change);
  if (outcome === 'written') progress.counts.removed += 1;
}
