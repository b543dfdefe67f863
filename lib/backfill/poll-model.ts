import type { PublishPolicy } from '../common/function-settings.ts';
import type { EvaluateDeps } from './evaluate-runs.ts';
import type { Gap, OpenRun, PublishRun } from './publish-model.ts';
import type { PublishStore } from './publish-store.ts';
import type { PublishStart, SyncClient, SyncClientCondition } from './sync-client.ts';

export interface PollDeps extends Omit<EvaluateDeps, 'store'> {
  api: SyncClient;
  store: PublishStore;
  policy: PublishPolicy;
  /** Null for all that the service knows. */
  identityPoolIds: readonly string[] | null;
  /** The stream whose events come into the query store; null where those of any do. */
  streamName: string | null;
  /** Whether pools' streaming is kept, and gaps with it: not by one who looks for once, and may not know the stream. */
  keepsStreaming: boolean;
  /** Pools that come first: those that the last poll did not reach. Else the one seen longest ago does. */
  first?: readonly string[];
  /** After this long no further pool is looked at, nor any stream after a little longer. The first pool is. */
  timeBudgetMs: number;
}

/** Why a pool, or the stream of its bulk publish, could not be looked at. */
export interface PoolFailure {
  identityPoolId: string;
  condition: SyncClientCondition;
  message: string;
}

/** A bulk publish that came to another status, or to another completeness. */
export interface Transition {
  run: PublishRun;
  to: PublishRun['status'] | PublishRun['completeness'];
}

/** What a poll has found; ids, counts and words, fit for a log. */
export interface PollOutcome {
  pools: number;
  /** Pools for which there was no time. */
  notReached: string[];
  /** Pools whose events come into no table of this query store: they stream to another stream. */
  elsewhere: string[];
  failures: PoolFailure[];
  /** Each is told once. */
  transitions: Transition[];
  /** What came of each bulk publish that the policy asked for. */
  started: { identityPoolId: string; answer: PublishStart }[];
  /** Those that were found now. */
  gaps: Pick<Gap, 'identityPoolId' | 'since' | 'cause'>[];
  /** How many bulk publishes have stalled. */
  stalled: number;
  /** How many gaps were not mended yet, whenever they were found. */
  gapsOpen: number;
}

/** What a look at a pool leaves to be found out on streams. */
export interface PoolLook {
  identityPoolId: string;
  /** Where it streams to now; null where it does not. */
  streamName: string | null;
  /** Of those there is more to find out. */
  open: OpenRun[];
}
