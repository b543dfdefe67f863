import type { Activity, TimedActivity } from './activity.ts';

/** Which activities a listener receives. Null means any pool or any identity. */
export interface ActivityFilter {
  identityPoolId: string | null;
  identityId: string | null;
}

type Listener = (id: number, activity: TimedActivity) => void;

/** An activity with its id. Ids increase, but a listener does not receive every id. */
type NumberedActivity = [id: number, activity: TimedActivity];

/**
 * Passes what happens in the local cloud to its listeners. A listener receives only what happens after it was added. The
 * newest activities stay in memory, so that a client that was away for a moment can read what it has missed.
 */
export interface ActivityFeed {
  /** Whether a listener exists or may come back. Otherwise, activities need not be created. */
  isWatched(): boolean;
  emit(activity: Activity): void;
  /** Returns the activities after an id that are in memory, oldest first. */
  readAfter(id: number, filter: ActivityFilter): NumberedActivity[];
  /** @returns a function that ends the listening; null if there are too many listeners */
  listen(filter: ActivityFilter, listener: Listener): (() => void) | null;
}

export const MAX_LISTENERS = 32;
/** Number of activities that stay in memory. A large one has about 100 KB. */
export const MAX_RECENT = 200;
/** How long activities are still created after the last listener has left. */
export const RETURN_MS = 10 * 60_000;

/** @param now epoch milliseconds */
export function createActivityFeed({ now }: { now: () => number }): ActivityFeed {
  const listeners = new Set<{ filter: ActivityFilter; listener: Listener }>();
  const recent: NumberedActivity[] = [];
  let lastId = 0;
  let leftAt = Number.NEGATIVE_INFINITY;

  const isWatched = () => listeners.size > 0 || now() - leftAt < RETURN_MS;
  return {
    isWatched,
    emit(activity) {
      if (!isWatched()) return;
      lastId += 1;
      const timed = { at: new Date(now()).toISOString(), ...activity };
      recent.push([lastId, timed]);
      if (recent.length > MAX_RECENT) recent.shift();
      for (const { filter, listener } of listeners) {
        const matching = applyFilter(timed, filter);
        if (matching !== null) listener(lastId, matching);
      }
    },
    readAfter: (id, filter) =>
      recent.flatMap(([number, activity]): NumberedActivity[] => {
        const matching = number > id ? applyFilter(activity, filter) : null;
        return matching === null ? [] : [[number, matching]];
      }),
    listen(filter, listener) {
      if (listeners.size >= MAX_LISTENERS) return null;
      const added = { filter, listener };
      listeners.add(added);
      return () => {
        listeners.delete(added);
        leftAt = now();
      };
    },
  };
}

/** Returns the activity with only the matching datasets; null if the filter excludes it. */
function applyFilter(activity: TimedActivity, filter: ActivityFilter): TimedActivity | null {
  if (filter.identityPoolId === null && filter.identityId === null) return activity;
  if (activity.kind !== 'projected') return matches(activity, filter) ? activity : null;
  const datasets = activity.datasets.filter((dataset) => matches(dataset, filter));
  return datasets.length > 0 ? { ...activity, datasets } : null;
}

function matches(
  about: { identityPoolId: string | null; identityId: string | null },
  { identityPoolId, identityId }: ActivityFilter,
): boolean {
  return (
    (identityPoolId === null || about.identityPoolId === identityPoolId) &&
    (identityId === null || about.identityId === identityId)
  );
}
