import { createActivityFeed } from '../../../lib/query/activity-feed.ts';
import type { InvokeLocalFunction } from '../functions/local-functions.ts';
import { createActivityRoute } from '../http/activity-route.ts';
import { watchBatches } from './watch-batches.ts';
import { createCurrentRequest, watchCalls } from './watch-calls.ts';
import { watchFunctions } from './watch-functions.ts';

/** Creates the activity feed, the observers that report to the feed, and the route that serves the feed. */
export function observeActivity(invoke: InvokeLocalFunction) {
  const feed = createActivityFeed({ now: Date.now });
  const observed = { current: createCurrentRequest(), now: () => performance.now() };
  return {
    feed,
    watchCall: watchCalls(feed, observed),
    invokeFunction: watchFunctions(feed, invoke, observed),
    reportBatch: watchBatches(feed),
    route: createActivityRoute({ feed }),
  };
}
