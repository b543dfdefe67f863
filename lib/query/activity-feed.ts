import type { Activity, TimedActivity } from './activity.ts';

/** Which activities a listener receives. Null means any pool or any identity. */
export interface ActivityFilter {
  identityPoolId: string | null;
  identityId: string | null;
}

type Listener = (id: number, activity: TimedActivity) => void;

/**
 * Passes what happens in the local cloud to its listeners. The feed stores nothing: a listener receives only what
 * happens after it was added. While no one listens, activities need not be created.
 */
export interface ActivityFeed {
  /** Whether a listener exists. */
  isWatched(): boolean;
  emit(activity: Activity): void;
  /** @returns a function that ends the listening; null if there are too many listeners */
  listen(filter: ActivityFilter, listener: Listener): (() => void) | null;
}

export const MAX_LISTENERS = 32;

/** @param now epoch milliseconds */
export function createActivityFeed({ now }: { now: () => number }): ActivityFeed {
  const listeners = new Set<{ filter: ActivityFilter; listener: Listener }>();
  let lastId = 0;
  return {
    isWatched: () => listeners.size > 0,
    emit(activity) {
      if (listeners.size === 0) return;
      lastId += 1;
      const timed = { at: new Date(now()).toISOString(), ...activity };
      for (const { filter, listener } of listeners) {
        const matching = applyFilter(timed, filter);
        if (matching !== null) listener(lastId, matching);
      }
    },
    listen(filter, listener) {
      if (listeners.size >= MAX_LISTENERS) return null;
      const added = { filter, listener };
      listeners.add(added);
      return () => listeners.delete(added);
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
