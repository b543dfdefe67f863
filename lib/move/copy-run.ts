import type { SyncClientCondition } from '../backfill/ports/sync-client.ts';
import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { Limits } from '../sync/limits.ts';
import type { CopyCounts, CopyProgress, Lease, MoveStore } from './ports/move-store.ts';
import type { Origin } from './ports/origin.ts';
import type { ItemFailure, SkipReasons } from './skip-reasons.ts';

export interface CopyDeps {
  origin: Origin;
  store: MoveStore;
  /** The limits of this service. A dataset above them is copied and reported. */
  limits: Limits;
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
  /** Maximum number of calls to the origin per second. */
  maxCallsPerSecond: number;
}

/**
 * A problem of an identity or a dataset during a copy. `above-limits`: it was copied completely, but is above a limit
 * of this service. `not-published`: it was copied completely, but some records are too large for an event. With all
 * other problems, it was not copied, or only in part. `login-taken`: a developer user belongs to another identity here.
 */
export type CopyProblem =
  | 'above-limits'
  | 'kept-changing'
  | 'login-taken'
  | 'not-published'
  | 'unstorable'
  | ItemFailure;

export interface Skipped {
  identityId: string;
  /** Null for a problem of the identity itself. */
  datasetName: string | null;
  reason: CopyProblem;
}

export interface CopyStatus {
  phase: CopyProgress['phase'];
  counts: CopyCounts;
  /** Identities whose data is to be compared; null while the identities are being listed. */
  total: number | null;
  /** Identities that need no more work in this phase. */
  done: number;
  /** Estimated milliseconds to the end of the copy; null if unknown. */
  remainingMs: number | null;
}

export interface CopyOptions {
  identityPoolId: string;
  /** Describes this process for the operator who starts a second one. */
  holder: string;
  /** Stops the copy before the next identity. */
  signal?: AbortSignal;
  onProgress?: (status: CopyStatus) => void;
  onSkipped?: (skipped: Skipped) => void;
}

export interface CopyOutcome {
  /**
   * `stopped`: the signal stopped the copy. `not-streaming`: the pool does not stream at the origin, so the target
   * could not follow the pool's changes. `in-use`: another process works on the pool. `lost`: another process took over
   * the work. `being-deleted`: data of a deleted pool with this id remains here. `other-origin`: the pool was copied
   * from another origin, and this service owns identities of the pool. `same-service`: the origin is this service
   * itself. All other ends say why the origin did not respond. Unless the end is `finished`, the next call continues
   * the copy.
   */
  end:
    | 'finished'
    | 'stopped'
    | 'not-streaming'
    | 'in-use'
    | 'lost'
    | 'being-deleted'
    | 'other-origin'
    | 'same-service'
    | SyncClientCondition;
  /** More about the end, for the operator; null if there is no more to say. */
  message: string | null;
  /** Whether the pool was created here. */
  isPoolMade: boolean;
  /** Null if the copy did not start. */
  counts: CopyCounts | null;
  /** Whether this call continued an earlier one. */
  isResumed: boolean;
  syncTrigger: string | null;
}

/** What copying one identity needs. `progress` is updated. */
export interface IdentityCopy {
  deps: Pick<CopyDeps, 'origin' | 'store' | 'limits'>;
  options: Pick<CopyOptions, 'onSkipped'>;
  paced: PacedCalls;
  progress: Pick<CopyProgress, 'counts'>;
  developerProvider: string | undefined;
  skips: SkipReasons;
}

/** One call of `copyPool`. `progress` is updated as the call proceeds. */
export interface CopyRun extends IdentityCopy {
  deps: CopyDeps;
  options: CopyOptions;
  lease: Lease;
  startedAt: number;
  progress: CopyProgress;
  /** The failure of the first identity that was skipped; null if none was. */
  firstRefusal: unknown;
  /** Saves the progress and extends the lease. @throws {LeaseLostError} */
  save: () => Promise<void>;
}

/** Another process has taken the lease, because this one did not extend it in time. */
export class LeaseLostError extends Error {
  override name = 'LeaseLostError';
}

/**
 * Problems with reading at the origin. After a copy with such a problem, events still count as missing (`gapSince`).
 */
const UNREAD: ReadonlySet<CopyProblem> = new Set(['kept-changing', 'refused', 'unreadable']);

/** Counts and reports a problem of an identity or a dataset. */
export function skip(
  { options, progress }: Pick<IdentityCopy, 'options' | 'progress'>,
  skipped: Skipped,
): void {
  progress.counts.skipped += 1;
  if (UNREAD.has(skipped.reason)) progress.counts.unread += 1;
  options.onSkipped?.(skipped);
}
