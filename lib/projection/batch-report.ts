import type { BatchOutcome } from './project-batch.ts';

/** A batch in figures, as far as it was projected. */
export interface BatchReport extends BatchOutcome {
  /** From the invocation to its end. */
  batchMs: number;
  /** From the arrival of the batch's last event on the stream to its rows; of the first that is not in rows, until now. */
  lagMs: number;
}
