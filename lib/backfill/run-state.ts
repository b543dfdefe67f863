/**
 * The states of a bulk publish. A state has two parts: the status at the service, and whether everything that the bulk
 * publish wrote to the stream is in the query store. `run-transitions.ts` has the transitions:
 *
 *     publishing → ended or open
 *     open: waiting, stalled or unknown, in any order
 *     open → projected or lost
 */
export type RunState = Publishing | Ended | Open | Lost | Projected;

/**
 * The status that the service reports, or UNSEEN: a newer bulk publish started, or the pool was recreated, before a
 * poll saw the end of this bulk publish.
 */
export type RunStatus = RunState['status'];

/**
 * Whether everything that a bulk publish wrote to the stream is in the query store:
 *
 * - `projected`: everything is in the query store.
 * - `waiting`: not everything is in the query store yet.
 * - `stalled`: not everything is in the query store, and there was no progress for some time.
 * - `unknown`: completeness cannot be determined, or the bulk publish did not succeed.
 */
export type Completeness = RunState['completeness'];

/** The progress of the stream's shards when they were last read. */
export type ShardsSeen =
  | NotRead
  /** Some shards are not projected past the end of the bulk publish. `mark` changes when any shard makes progress. */
  | { kind: 'behind'; mark: string }
  | Passed;

interface NotRead {
  kind: 'not-read';
}

/** All shards are projected past the end of the bulk publish. This result cannot change later. */
interface Passed {
  kind: 'passed';
}

/** The service is still writing to the stream. */
export interface Publishing {
  status: 'IN_PROGRESS';
  completeness: 'waiting';
  /**
   * Text for the operator, as in the other states: what the bulk publish is waiting for, or why completeness is
   * unknown. Null if the text is not stored.
   */
  waitingFor: string | null;
  projectedAt: null;
  shards: NotRead;
}

/** The bulk publish did not succeed, as far as is known. */
export interface Ended {
  status: 'FAILED' | 'UNSEEN';
  completeness: 'unknown';
  waitingFor: null;
  projectedAt: null;
  shards: NotRead;
}

/** The bulk publish succeeded and needs further evaluation. */
export interface Open {
  status: 'SUCCEEDED';
  completeness: 'waiting' | 'stalled' | 'unknown';
  waitingFor: string | null;
  projectedAt: null;
  shards: ShardsSeen;
}

/** The stream no longer has the records that would show whether everything is projected, or was recreated. */
export interface Lost {
  status: 'SUCCEEDED';
  completeness: 'unknown';
  waitingFor: string | null;
  projectedAt: null;
  shards: { kind: 'lost' };
}

/** Everything that the bulk publish wrote is in the query store. */
export interface Projected {
  status: 'SUCCEEDED';
  completeness: 'projected';
  waitingFor: null;
  /** When completeness was determined, in epoch milliseconds. */
  projectedAt: number;
  shards: Passed;
}
