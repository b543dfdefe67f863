/** The events that are on the stream, but not yet in the query store. */
export interface ProjectionBacklog {
  /** Counts events that this process put onto the stream. */
  published(events: number): void;
  /** Counts events that the stream handler processed. */
  processed(events: number): void;
  /**
   * Whether bulk publishes must wait. Otherwise the events of new changes would wait behind the events of the bulk
   * publishes.
   */
  isLong(): boolean;
}

/** One request of the relay puts up to 500 events onto the stream. */
const MAX_EVENTS = 500;
/**
 * Maximum time that the query store may be behind the stream. Unlike `MAX_EVENTS`, it also limits the events that an
 * earlier process put onto the stream. Up to one second is a rounding error, because the local stream reports arrival
 * times in whole seconds.
 */
const MAX_BEHIND_MS = 1_000;

/**
 * Creates the backlog of the local cloud. The count of events is only an estimate: the stream handler can process an
 * event twice, and an earlier process may have published an event. The count starts again whenever no event waits.
 *
 * @param behindMs returns how far the query store is behind the stream, in milliseconds; 0 if no event waits
 */
export function createProjectionBacklog(behindMs: () => number): ProjectionBacklog {
  let events = 0;
  return {
    published(count) {
      events += count;
    },
    processed(count) {
      events = Math.max(0, events - count);
    },
    isLong() {
      const ms = behindMs();
      if (ms === 0) events = 0;
      return ms > MAX_BEHIND_MS || events > MAX_EVENTS;
    },
  };
}
