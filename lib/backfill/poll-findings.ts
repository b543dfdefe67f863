import type { EvidenceError } from './evidence.ts';
import type { PollOutcome, Transition } from './poll-model.ts';
import type { SyncClientError } from './sync-client.ts';

/** Takes up what a poll finds, when it finds it: what is told of a pool stays told, where something fails after that. */
export interface PollFindings {
  moved(run: Transition['run'], to: Transition['to']): void;
  /** The policy asked for a bulk publish. */
  started(start: PollOutcome['started'][number]): void;
  missing(gap: PollOutcome['gaps'][number]): void;
  /** So many bulk publishes have. */
  stalled(runs: number): void;
  /** The same of each pool. */
  failed(identityPoolIds: Iterable<string>, why: SyncClientError | EvidenceError): void;
  notReached(identityPoolIds: Iterable<string>): void;
  elsewhere(identityPoolId: string): void;
  /** All of it. @param gapsOpen how many gaps were not mended yet */
  outcome(gapsOpen: number): PollOutcome;
}

/** @param pools how many there are to be looked at */
export function createPollFindings(pools: number): PollFindings {
  const transitions: PollOutcome['transitions'] = [];
  const started: PollOutcome['started'] = [];
  const gaps: PollOutcome['gaps'] = [];
  const failures: PollOutcome['failures'] = [];
  const notReached = new Set<string>();
  const elsewhere: string[] = [];
  let stalled = 0;
  return {
    moved: (run, to) => void transitions.push({ run, to }),
    started: (start) => void started.push(start),
    missing: (gap) => void gaps.push(gap),
    stalled(runs) {
      stalled += runs;
    },
    failed(identityPoolIds, { condition, message }) {
      for (const identityPoolId of identityPoolIds) failures.push({ identityPoolId, condition, message });
    },
    notReached(identityPoolIds) {
      for (const identityPoolId of identityPoolIds) notReached.add(identityPoolId);
    },
    elsewhere: (identityPoolId) => void elsewhere.push(identityPoolId),
    outcome: (gapsOpen) => ({
      pools,
      notReached: [...notReached],
      elsewhere,
      failures,
      transitions,
      started,
      gaps,
      stalled,
      gapsOpen,
    }),
  };
}
