import type { DatasetKey } from '../../common/dataset-key.ts';

/** Marks a dataset that changed here, or may have changed at the origin of a migration, since the bridge last read it. */
export interface Mark {
  dataset: DatasetKey;
  markId: string;
  /** When the bridge read this mark from the list of due marks, epoch milliseconds of the database's clock. */
  listedAt: number;
  /** Failures since the last success. */
  attempts: number;
}
