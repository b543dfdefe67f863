import type { EvidenceError } from '../ports/evidence.ts';
import type { SyncClientError } from '../ports/sync-client.ts';
import type { PollOutcome, Transition } from './poll-model.ts';

/** Collects the findings of a poll as they occur. A finding remains even if a later step fails for the same pool. */
export interface PollFindings {
  transitioned(run: Transition['run'], to: Transition['to']): void;
  /** Records a bulk publish that the policy required. */
  started(start: PollOutcome['started'][number]): void;
  gapFound(gap: PollOutcome['gaps'][number]): void;
  /** @param runs number of bulk publishes that have stalled */
  stalled(runs: number): void;
  /** Records the same failure for each of the pools. */
  failed(identityPoolIds: Iterable<string>, why: SyncClientError | EvidenceError): void;
  notReached(identityPoolIds: Iterable<string>): void;
  elsewhere(identityPoolId: string): void;
  /** Returns all findings. @param gapsOpen number of gaps that are not repaired yet */
  outcome(gapsOpen: number): PollOutcome;
}

/** @param pools number of pools to poll */
export function createPollFindings(pools: number): PollFindings {
  const transitions: PollOutcome['transitions'] = [];
  const started: PollOutcome['started'] = [];
  const gaps: PollOutcome['gaps'] = [];
  const failures: PollOutcome['failures'] = [];
  const notReached = new Set<string>();
  const elsewhere: string[] = [];
  let stalled = 0;
  return {
    transitioned: (run, to) => void transitions.push({ run, to }),
    started: (start) => void started.push(start),
    gapFound: (gap) => void gaps.push(gap),
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
