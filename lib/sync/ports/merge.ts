import type { IdentityKey } from '../../common/dataset-key.ts';

/** An identity that has become part of another one of its pool. */
export interface Merge {
  /** The disappearing one. */
  from: IdentityKey;
  /** Id of the surviving one. */
  into: string;
  /** Epoch milliseconds. */
  mergedAt: number;
}
