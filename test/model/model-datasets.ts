import { type ModelDataset, type ModelState, nameOf } from './model-state.ts';
import { putEvent, removalEvent } from './model-stream.ts';

type DatasetPlace = Pick<ModelDataset, 'pool' | 'identity' | 'name'>;

/** Returns the dataset. If there is none, adds one that is marked as not existing. */
export function datasetAt(state: ModelState, { pool, identity, name }: DatasetPlace): ModelDataset {
  const of = nameOf(pool, identity, name);
  const found = state.datasets.get(of);
  if (found) return found;
  const never = { exists: false, count: 0, deletedAt: 0, created: 0, modified: 0, by: '', copyOf: null };
  const dataset = { pool, identity, name, ...never, records: new Map() };
  state.datasets.set(of, dataset);
  return dataset;
}

/** Returns the existing datasets of an identity, sorted by name. */
export function datasetsOf({ datasets }: ModelState, pool: string, identity: string): ModelDataset[] {
  return [...datasets.values()]
    .filter((one) => one.exists && one.pool === pool && one.identity === identity)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Returns the names of a dataset's copies; null if there is none. The dataset itself need not exist. */
export function copiesOf(state: ModelState, { pool, identity, name }: DatasetPlace): string[] | null {
  const copies = datasetsOf(state, pool, identity).filter(({ copyOf }) => copyOf === name);
  return copies.length === 0 ? null : copies.map((copy) => copy.name);
}

/** Assigns the next count and date to a dataset. */
function change(dataset: ModelDataset, by: string, now: number): void {
  dataset.count += 1;
  dataset.modified = Math.max(now, dataset.modified + 1);
  dataset.by = by;
}

/** Assigns the next count and date to a dataset, which exists from now on. */
export function changeToExist(dataset: ModelDataset, by: string, now: number): void {
  change(dataset, by, now);
  if (!dataset.exists) dataset.created = dataset.modified;
  dataset.exists = true;
}

/** Deletes an existing dataset. A later dataset of this name is not a copy. */
export function remove(state: ModelState, dataset: ModelDataset, by: string, now: number): void {
  change(dataset, by, now);
  dataset.exists = false;
  dataset.deletedAt = dataset.count;
  dataset.copyOf = null;
  dataset.records.clear();
  putEvent(state, dataset.pool, removalEvent(dataset));
}
