/**
 * How a bulk publish stands with the service, and whether all that it put onto the stream is in the query store. These are
 * all its states; what leads from one to another is in `run-transitions.ts`:
 *
 *     publishing → ended, or open
 *     open: waiting, stalled or unknown, from each to each
 *     open → projected, or lost
 */
export type RunState = Publishing | Ended | Open | Lost | Projected;

/** How the service says that it stands. UNSEEN: a newer one began before the end of this one was seen. */
export type RunStatus = RunState['status'];

/**
 * Whether all that a bulk publish put onto the stream is in the query store. stalled: it is not, and for a while nothing
 * has moved. unknown: nobody can tell, and of one that did not succeed there is nothing to tell.
 */
export type Completeness = RunState['completeness'];

/** How far the shards of its stream were seen to be projected. */
export type ShardsSeen =
  | NotRead
  /** Not all of them beyond its end. The mark changes when any is projected further. */
  | { kind: 'behind'; mark: string }
  | Passed;

interface NotRead {
  kind: 'not-read';
}

/** All of them beyond its end: what is then projected stays so. */
interface Passed {
  kind: 'passed';
}

/** The service has not put all onto the stream yet. */
export interface Publishing {
  status: 'IN_PROGRESS';
  completeness: 'waiting';
  /** In words, for people, as below. */
  waitingFor: string;
  projectedAt: null;
  shards: NotRead;
}

/** It did not succeed, as far as anybody knows. */
export interface Ended {
  status: 'FAILED' | 'UNSEEN';
  completeness: 'unknown';
  waitingFor: null;
  projectedAt: null;
  shards: NotRead;
}

/** There is more to be found out. */
export interface Open {
  status: 'SUCCEEDED';
  completeness: 'waiting' | 'stalled' | 'unknown';
  waitingFor: string;
  projectedAt: null;
  shards: ShardsSeen;
}

/** The stream has lost what would tell, or is another one by now. */
export interface Lost {
  status: 'SUCCEEDED';
  completeness: 'unknown';
  waitingFor: string;
  projectedAt: null;
  shards: { kind: 'lost' };
}

/** All of it is in the query store. */
export interface Projected {
  status: 'SUCCEEDED';
  completeness: 'projected';
  waitingFor: null;
  /** When that was found, epoch milliseconds. */
  projectedAt: number;
  shards: Passed;
}
