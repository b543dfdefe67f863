import { type Offloading, recordsEvent } from '../build-stream-event.ts';
import type {
  BulkPublishJobProgress,
  BulkPublishJobStep,
  BulkPublishJobStore,
  WholeDataset,
} from '../ports/bulk-publish-job-store.ts';
import type { OutgoingEvent } from '../ports/sync-store.ts';
import { splitRecords } from './split-records.ts';

export interface BulkPublishJobOptions {
  /** Most datasets whose events are put into the outbox in one step. */
  datasetsPerStep: number;
  /** From so many waiting events on no more are put there: others' changes wait behind them. */
  maxWaiting: number;
  /** After this long no further step is begun. Each pool has its first. */
  timeBudgetMs: number;
}

const DEFAULT_OPTIONS: BulkPublishJobOptions = { datasetsPerStep: 50, maxWaiting: 500, timeBudgetMs: 10_000 };

export interface RunBulkPublishDeps {
  bulkPublishes: BulkPublishJobStore;
  offloading: Offloading;
  /** Epoch milliseconds. */
  now: () => number;
  options?: Partial<BulkPublishJobOptions>;
}

/** How many pools had a bulk publish in progress, and what came of them; fit for a log. */
export interface BulkPublishOutcome {
  inProgress: number;
  /** Steps that went on to further datasets. */
  steps: number;
  succeeded: number;
  failed: number;
}

/**
 * Takes the bulk publishes in progress on, each step by step until it has to wait for the relay or is over: an event for
 * each dataset that exists goes into the outbox, with its records and tombstones, each of its own version. What changes
 * meanwhile is published as always; readers go by versions. It can be stopped between any two steps, and others may run
 * at the same time.
 *
 * One succeeded when none of its events is left in the outbox. It failed where the stream refused one of them for good,
 * after all others have gone out, or as soon as the service itself ended the pool's streaming. Any other change of that
 * ends it without a run.
 */
export async function runBulkPublishes({
  options,
  ...deps
}: RunBulkPublishDeps): Promise<BulkPublishOutcome> {
  const effective = { ...DEFAULT_OPTIONS, ...options };
  const deadline = deps.now() + effective.timeBudgetMs;
  const pools = await deps.bulkPublishes.listInProgress();
  const outcome: BulkPublishOutcome = { inProgress: pools.length, steps: 0, succeeded: 0, failed: 0 };
  for (const pool of pools) {
    let done: BulkPublishJobStep | null;
    do {
      done = await deps.bulkPublishes.step(pool, {
        at: deps.now(),
        decide: (progress) => decide(progress, effective),
        toEvents: (whole) => toEvents(whole, deps.offloading),
      });
      if (done?.kind === 'put') outcome.steps += 1;
    } while (done?.kind === 'put' && deps.now() < deadline);
    if (done?.kind === 'end') outcome[done.status === 'SUCCEEDED' ? 'succeeded' : 'failed'] += 1;
  }
  return outcome;
}

function decide(
  { streaming, disabledReason, waiting, parked, allInOutbox }: BulkPublishJobProgress,
  { datasetsPerStep, maxWaiting }: BulkPublishJobOptions,
): BulkPublishJobStep {
  if (!streaming) {
    const why = disabledReason === null ? '' : `: ${disabledReason}`;
    return failed(`streaming was disabled before all was published${why}`);
  }
  if (!allInOutbox) {
    const datasets = Math.min(datasetsPerStep, maxWaiting - waiting);
    return datasets > 0 ? { kind: 'put', datasets } : { kind: 'wait' };
  }
  if (waiting > 0) return { kind: 'wait' };
  if (parked > 0) return failed(`the stream refused ${parked} events for good`);
  return { kind: 'end', status: 'SUCCEEDED', failureMessage: null };
}

function failed(failureMessage: string): BulkPublishJobStep {
  return { kind: 'end', status: 'FAILED', failureMessage };
}

function toEvents({ key, dataset, records }: WholeDataset, offloading: Offloading): OutgoingEvent[] {
  return splitRecords(records).map((group) => recordsEvent(key, dataset, group, offloading));
}
