import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import type { Limits } from '../sync/limits.ts';
import { type CopyProblem, type IdentityCopy, skip } from './copy-run.ts';
import type { KnownReplica } from './ports/move-store.ts';
import type { OriginDataset, OriginListing } from './ports/origin.ts';
import { type ReadDataset, readListing } from './read-listing.ts';

/**
 * Copies the datasets of an identity, and removes those that no longer exist at the origin. Reads the datasets that are
 * stored here first: a dataset that an event creates here during the listing must not be taken for one that the origin
 * removed.
 */
export async function copyDatasets(run: IdentityCopy, identity: IdentityKey): Promise<void> {
  const { deps, paced } = run;
  const known = await deps.store.readDatasets(identity);
  const listed = await paced(() => deps.origin.listDatasets(identity));
  run.skips.identityRead(identity);
  const report: Report = (datasetName, reason) =>
    skip(run, { identityId: identity.identityId, datasetName, reason });
  if (listed.length > deps.limits.datasetsPerIdentity) report(null, 'above-limits');
  for (const dataset of listed) {
    await unlessRefused(
      run,
      () => copyDataset(run, identity, dataset, report),
      (reason) => report(dataset.datasetName, reason),
    );
  }
  const names = new Set(listed.map(({ datasetName }) => datasetName));
  for (const datasetName of rootsOf(names)) {
    const root = { ...identity, datasetName };
    await unlessRefused(
      run,
      () => copyMerges(run, root),
      () => undefined,
    );
  }
  for (const dataset of known) {
    if (!dataset.exists || names.has(dataset.datasetName)) continue;
    await unlessRefused(
      run,
      () => removeDataset(run, identity, dataset),
      (reason) => report(dataset.datasetName, reason),
    );
  }
}

type Report = (datasetName: string | null, reason: CopyProblem) => void;

/**
 * One dataset must not stop the copy: an origin can reject its name, because the name of a merged copy can be longer than
 * the API accepts. The origin can fail to read it, and the database can reject a value.
 */
async function unlessRefused(
  { skips }: IdentityCopy,
  work: () => Promise<void>,
  onRefused: (reason: CopyProblem) => void,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = await skips.reasonFor(error, 'dataset');
    if (reason === null) throw error;
    onRefused(reason);
  }
}

async function copyDataset(
  run: IdentityCopy,
  identity: IdentityKey,
  described: OriginDataset,
  report: Report,
): Promise<void> {
  const { deps, paced, progress } = run;
  const { datasetName } = described;
  const key = { ...identity, datasetName };
  const read = await readListing({ origin: deps.origin, paced }, key, described);
  run.skips.datasetRead(key);
  // The dataset was deleted since it was listed. The stream has the event of the deletion.
  if (read === 'gone') return;
  if (read === 'kept-changing') return report(datasetName, 'kept-changing');
  const applied = await deps.store.applyChange(read.change);
  if (applied.outcome === 'kept') return;
  progress.counts.datasets += 1;
  progress.counts.records += applied.records;
  if (read.listing.mergedNames.length > 0) await deps.store.markMergedCopies(key, read.listing.mergedNames);
  if (read.change.records.length < read.listing.records.length) report(datasetName, 'unstorable');
  if (applied.leftOut > 0) report(datasetName, 'not-published');
  if (isAboveLimits(read, deps.limits)) report(datasetName, 'above-limits');
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

/**
 * The name of a merged copy: the name of its root, which is the original dataset, and the id of the identity that was
 * merged.
 */
const COPY = /^(.+)\.[\w-]+:[0-9a-f-]+$/;

/** Returns the names of datasets that merged copies belong to, but that do not exist themselves. */
function rootsOf(names: ReadonlySet<string>): Set<string> {
  const roots = [...names].flatMap((name) => COPY.exec(name)?.[1] ?? []);
  return new Set(roots.filter((root) => !names.has(root)));
}

async function copyMerges({ deps, paced }: IdentityCopy, root: DatasetKey): Promise<void> {
  const { mergedNames } = await paced(() => deps.origin.listRecords(root));
  if (mergedNames.length > 0) await deps.store.markMergedCopies(root, mergedNames);
}

/**
 * Removes a dataset in the version that it had here before the origin listed its datasets. Anything that an event has
 * written since then is newer and remains. The removal's date is unknown; the event about the removal has it. A removal
 * increments the count, so a device with the stored count learns of the removal even if the dataset is created again.
 */
async function removeDataset(
  { deps, paced, progress }: IdentityCopy,
  identity: IdentityKey,
  { datasetName, version }: KnownReplica,
): Promise<void> {
  const dataset = { ...identity, datasetName };
  const listing: OriginListing = await paced(() => deps.origin.listRecords(dataset));
  if (listing.exists) return;
  const syncCount = Math.max(version.syncCount + 1, listing.syncCount);
  const removal = { lastModifiedDate: version.lastModifiedDate, syncCount };
  const change = { dataset, version, removal, records: [], listing: null };
  const { outcome } = await deps.store.applyChange(change);
  if (outcome === 'written') progress.counts.removed += 1;
}
