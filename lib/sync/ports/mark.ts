import type { DatasetKey } from '../../common/dataset-key.ts';

/** The mark of a dataset that changed here, or perhaps at the origin of a migration, since the bridge has read it. */
export interface Mark {
  dataset: DatasetKey;
  markId: string;
  /** Failures since the last success. */
  attempts: number;
}
