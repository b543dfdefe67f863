import type { BatchOutcome } from './project-batch.ts';

/** A batch that was projected, in figures. */
export interface BatchReport extends BatchOutcome {
  /** From the invocation to the last row. */
  batchMs: number;
  /** From the arrival of the batch's last event on the stream to its rows. */
  lagMs: number;
}
