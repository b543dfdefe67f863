import type { PublishPolicy } from '../../common/function-settings.ts';
import type { PublishStore } from '../ports/publish-store.ts';
import type { PublishStart, SyncClient, SyncClientCondition } from '../ports/sync-client.ts';
import type { Gap, OpenRun, PublishRun } from '../publish-model.ts';
import type { EvaluateDeps } from './evaluate-runs.ts';

export interface PollDeps extends Omit<EvaluateDeps, 'store'> {
  api: SyncClient;
  store: PublishStore;
  policy: PublishPolicy;
  /** Null to poll all pools of the service. */
  identityPoolIds: readonly string[] | null;
  /** The stream that is projected into the query store; null if every stream is projected. */
  streamName: string | null;
  /**
   * Whether to record streaming settings and gaps. The poll of the command `bulk-publish` does not record settings and
   * gaps, because the command may not know which stream is projected.
   */
  keepsStreaming: boolean;
  /**
   * Pools to poll first: the pools that the last poll did not reach. The other pools follow, least recently polled
   * first.
   */
  first?: readonly string[];
  /**
   * Once a fixed share of this time has passed, no further pool is polled. The remaining time is for reading the
   * streams. Once all of this time has passed, no further stream is read. The first pool is always polled.
   */
  timeBudgetMs: number;
}

/** Why a pool, or the stream of its bulk publish, could not be read. */
export interface PoolFailure {
  identityPoolId: string;
  condition: SyncClientCondition;
  message: string;
}

/** A bulk publish whose status or completeness changed. */
export interface Transition {
  run: PublishRun;
  to: PublishRun['status'] | PublishRun['completeness'];
}

/** The findings of a poll. Contains only ids, counts and keywords, and can be logged. */
export interface PollOutcome {
  pools: number;
  /** Pools that were not polled because time ran out. */
  notReached: string[];
  /** Pools that use a stream that is not projected, so their events do not reach this query store. */
  elsewhere: string[];
  failures: PoolFailure[];
  /** Each transition is reported by one poll only. */
  transitions: Transition[];
  /** The service's response to each bulk publish that the policy required. */
  started: { identityPoolId: string; answer: PublishStart }[];
  /** Gaps that this poll found. */
  gaps: Pick<Gap, 'identityPoolId' | 'since' | 'cause'>[];
  /** Number of stalled bulk publishes. */
  stalled: number;
  /** Number of gaps that are not repaired yet, whether found by this poll or before. */
  gapsOpen: number;
}

/** A polled pool, with its bulk publishes for which a stream must still be read. */
export interface PolledPool {
  identityPoolId: string;
  /** The pool's current stream; null if the pool does not stream. */
  streamName: string | null;
  /** Bulk publishes that need further evaluation. */
  open: OpenRun[];
}
