import { ValueRefusedError } from '../../common/errors.ts';
import { type Offloading, recordsEvent } from '../build-stream-event.ts';
import type {
  BulkPublishJobProgress,
  BulkPublishJobStep,
  BulkPublishJobStore,
  PartEvent,
  WholeDataset,
} from '../ports/bulk-publish-job-store.ts';
import { splitRecords } from './split-records.ts';

export interface BulkPublishJobOptions {
  /**
   * Maximum datasets whose events are put into the outbox in one step. A step takes about ten statements, however many
   * datasets it includes. The embedded database executes no other statement during a step, so a step must be short.
   */
  datasetsPerStep: number;
  /**
   * While this many events are waiting, no more events are put into the outbox. Otherwise the events of new changes
   * would wait behind the events of the bulk publish.
   */
  maxWaiting: number;
  /** Once this much time has passed, no further step starts. Each pool gets at least one step. */
  timeBudgetMs: number;
}

const DEFAULT_OPTIONS: BulkPublishJobOptions = {
  datasetsPerStep: 250,
  maxWaiting: 500,
  timeBudgetMs: 10_000,
};

export interface RunBulkPublishDeps {
  bulkPublishes: BulkPublishJobStore;
  offloading: Offloading;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Receives each pool whose bulk publish could not continue. The next run tries again. */
  onFailure: (identityPoolId: string, error: unknown) => void;
  options?: Partial<BulkPublishJobOptions>;
}

/** The number of pools with a bulk publish in progress, and the results of the run. Safe to log. */
export interface BulkPublishOutcome {
  inProgress: number;
  /** Steps that put events of datasets into the outbox. */
  steps: number;
  succeeded: number;
  failed: number;
  /** Bulk publishes that could not continue in this run, because of an error that may pass. */
  interrupted: number;
}

/**
 * Advances each bulk publish in progress, step by step, until the bulk publish has to wait for the relay or has ended.
 * For each existing dataset, puts an event with all records and tombstones into the outbox. Changes made in the
 * meantime are published as usual. Each record and tombstone in an event has its own version, by which consumers order
 * them. A run can be stopped between any two steps, and several runs may be active at the same time.
 *
 * A bulk publish succeeds when no event of the bulk publish is left in the outbox. If the stream permanently rejected
 * an event, the bulk publish fails once all other events are published. The bulk publish also fails as soon as the
 * service itself has disabled the pool's streaming. Any other change of the pool's streaming fails the bulk publish in
 * the transaction of that change.
 *
 * An error in one pool does not stop the bulk publishes of the other pools. If the database can never store an event, the
 * bulk publish of that pool fails. After any other error, the next run continues.
 */
export async function runBulkPublishes({
  options,
  ...deps
}: RunBulkPublishDeps): Promise<BulkPublishOutcome> {
  const effective = { ...DEFAULT_OPTIONS, ...options };
  const deadline = deps.now() + effective.timeBudgetMs;
  const pools = await deps.bulkPublishes.listInProgress();
  const outcome = { inProgress: pools.length, steps: 0, succeeded: 0, failed: 0, interrupted: 0 };
  const step = async (pool: string, decideStep: Decide) => {
    const done = await deps.bulkPublishes.step(pool, {
      at: deps.now(),
      decide: decideStep,
      toEvents: (whole) => toEvents(whole, deps.offloading),
    });
    if (done?.kind === 'put') outcome.steps += 1;
    if (done?.kind === 'end') outcome[done.status === 'SUCCEEDED' ? 'succeeded' : 'failed'] += 1;
    return done;
  };
  const advance = async (pool: string) => {
    try {
      let done: BulkPublishJobStep | null;
      do done = await step(pool, (progress) => decide(progress, effective));
      while (done?.kind === 'put' && deps.now() < deadline);
    } catch (error) {
      if (!(error instanceof ValueRefusedError)) throw error;
      await step(pool, () => failed(`a dataset cannot be published: ${error.message}`));
    }
  };
  for (const pool of pools) {
    try {
      await advance(pool);
    } catch (error) {
      outcome.interrupted += 1;
      deps.onFailure(pool, error);
    }
  }
  return outcome;
}

type Decide = (progress: BulkPublishJobProgress) => BulkPublishJobStep;

function decide(
  { streaming, disabledReason, waiting, parked, allInOutbox }: BulkPublishJobProgress,
  { datasetsPerStep, maxWaiting }: BulkPublishJobOptions,
): BulkPublishJobStep {
  if (!streaming) {
    const why = disabledReason === null ? '' : `: ${disabledReason}`;
    return failed(`streaming was disabled before all events were published${why}`);
  }
  if (!allInOutbox) {
    const datasets = Math.min(datasetsPerStep, maxWaiting - waiting);
    return datasets > 0 ? { kind: 'put', datasets } : { kind: 'wait' };
  }
  if (waiting > 0) return { kind: 'wait' };
  if (parked > 0) return failed(`the stream permanently rejected ${parked} events`);
  return { kind: 'end', status: 'SUCCEEDED', failureMessage: null };
}

function failed(failureMessage: string): BulkPublishJobStep {
  return { kind: 'end', status: 'FAILED', failureMessage };
}

function toEvents({ key, dataset, records }: WholeDataset, offloading: Offloading): PartEvent[] {
  return splitRecords(records).map((group) => ({
    event: recordsEvent(key, dataset, group, offloading),
    records: group.length,
  }));
}
