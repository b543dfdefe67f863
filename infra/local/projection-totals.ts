import type { BatchReport } from '../../lib/projection/project-batch.ts';

/** What was projected since the start of the process. The deployed function reports the same figures as metrics. */
export interface ProjectionTotals {
  batches: number;
  events: number;
  records: number;
  recordsChanged: number;
  recordsStale: number;
  eventsQuarantined: number;
  /** Figures of the last batch; null before the first batch. */
  lastBatch: Pick<BatchReport, 'batchMs' | 'lagMs'> | null;
}

/** Adds up the reports of the stream handler. */
export function createProjectionTotals(): {
  add: (batch: BatchReport) => void;
  totals: () => ProjectionTotals;
} {
  let totals: ProjectionTotals = {
    batches: 0,
    events: 0,
    records: 0,
    recordsChanged: 0,
    recordsStale: 0,
    eventsQuarantined: 0,
    lastBatch: null,
  };
  return {
    add({ events, records, recordsChanged, quarantined, batchMs, lagMs }) {
      totals = {
        batches: totals.batches + (events > 0 ? 1 : 0),
        events: totals.events + events,
        records: totals.records + records,
        recordsChanged: totals.recordsChanged + recordsChanged,
        recordsStale: totals.recordsStale + records - recordsChanged,
        eventsQuarantined: totals.eventsQuarantined + quarantined,
        lastBatch: { batchMs, lagMs },
      };
    },
    totals: () => totals,
  };
}
