import { createPacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import { SetupError } from '../common/errors.ts';
import type { PoolStore } from '../sync/ports/pool-store.ts';
import { streamProblem } from './copy.ts';
import type { CopyDeps } from './copy-run.ts';
import type { OriginDataset, OriginIdentity, Page } from './ports/origin.ts';
import { createSkipReasons } from './skip-reasons.ts';

/** What a copy would do. */
export interface CopyPlan {
  isPoolNew: boolean;
  identities: number;
  datasets: number;
  /** Live records. */
  records: number;
  /** Bytes of the keys and values of live records. */
  bytes: number;
  /** Datasets above a limit of this service. */
  aboveLimits: number;
  /** Identities whose datasets the origin fails to list. */
  unread: number;
}

interface PlanDeps extends Pick<CopyDeps, 'origin' | 'limits' | 'now' | 'sleep' | 'maxCallsPerSecond'> {
  pools: Pick<PoolStore, 'readPool'>;
}

interface PlanOptions {
  identityPoolId: string;
  signal?: AbortSignal;
  /** Called with the number of identities so far. */
  onProgress?: (identities: number) => void;
}

/**
 * Counts what a copy would read, without writing anything. Reads no records: the lists of datasets contain the numbers.
 * @throws {SyncClientError} the origin did not respond
 * @throws {SetupError} the pool does not stream at the origin
 */
export async function planCopy(deps: PlanDeps, options: PlanOptions): Promise<CopyPlan> {
  const { origin, pools, now, sleep, maxCallsPerSecond } = deps;
  const { identityPoolId, signal, onProgress } = options;
  const paced = createPacedCalls({ maxCallsPerSecond, now, sleep, signal });
  const pool = await paced(() => origin.readPool(identityPoolId));
  const problem = streamProblem(pool, origin);
  if (problem !== null) throw new SetupError(problem);
  const isPoolNew = (await pools.readPool(identityPoolId)) === null;
  const counts = { identities: 0, datasets: 0, records: 0, bytes: 0, aboveLimits: 0, unread: 0 };
  const plan: CopyPlan = { isPoolNew, ...counts };
  let listed: readonly OriginIdentity[] = [];
  const some = { listIdentities: async (_: string, { limit }: { limit: number }) => listed.slice(-limit) };
  const skips = createSkipReasons(origin, some, identityPoolId);
  for (let token: string | null = null; !signal?.aborted; ) {
    const about: { hideDisabled: boolean; token: string | null } = { hideDisabled: false, token };
    const page: Page<OriginIdentity> = await paced(() => origin.listIdentities(identityPoolId, about));
    listed = page.items;
    for (const { identityId } of page.items) {
      if (signal?.aborted) break;
      const identity = { identityPoolId, identityId };
      plan.identities += 1;
      try {
        addDatasets(plan, await paced(() => origin.listDatasets(identity)), deps.limits);
        skips.identityRead(identity);
      } catch (error) {
        if ((await skips.reasonFor(error, 'identity')) === null) throw error;
        plan.unread += 1;
      }
      onProgress?.(plan.identities);
    }
    token = page.next;
    if (token === null) break;
  }
  return plan;
}

function addDatasets(plan: CopyPlan, datasets: readonly OriginDataset[], limits: CopyDeps['limits']): void {
  plan.datasets += datasets.length;
  for (const { numRecords, dataStorage } of datasets) {
    plan.records += numRecords;
    plan.bytes += dataStorage;
    if (numRecords > limits.recordsPerDataset || dataStorage > limits.datasetBytes) plan.aboveLimits += 1;
  }
}
