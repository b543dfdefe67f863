import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { TimedActivity } from '../../../lib/query/activity.ts';
import { type ActivityFeed, type ActivityFilter, MAX_LISTENERS } from '../../../lib/query/activity-feed.ts';
import { type Route, sendJson } from './http-server.ts';

/** Interval at which empty comments are sent. Without them, a proxy would close an idle connection. */
const KEEP_OPEN_MS = 15_000;
/** If a client leaves more than this many bytes unread, it is disconnected, so that it does not fill the memory. */
const MAX_UNREAD_BYTES = 1024 * 1024;

const PARAMETERS = new Set(['pool', 'identity', 'after']);

/**
 * `GET /query/activity`: streams what happens in the local cloud as server-sent events. The event's name is the kind of
 * the activity, its data is JSON, and its id increases. The stream starts with the next activity. With `after`, or the
 * header `Last-Event-ID`, the stream starts with the activities after this id that are still in memory. `pool` and
 * `identity` select the activities of a pool or of an identity.
 */
export function createActivityRoute({
  feed,
  keepOpenMs = KEEP_OPEN_MS,
}: {
  feed: ActivityFeed;
  keepOpenMs?: number;
}): Route {
  return {
    matches: ({ target }) => /^\/query\/activity(?:\?|$)/.test(target),
    async answer({ method, target, headers }, response) {
      if (method !== 'GET') {
        return sendJson(response, 405, { message: 'use GET /query/activity' }, { Allow: 'GET' });
      }
      const { searchParams } = new URL(target, 'http://localhost');
      const unknown = [...searchParams.keys()].find((name) => !PARAMETERS.has(name));
      if (unknown !== undefined) {
        const message = `${unknown}: use only the parameters ${[...PARAMETERS].join(', ')}`;
        return sendJson(response, 400, { message });
      }
      const after = headers['last-event-id'] ?? searchParams.get('after');
      if (after !== null && !/^\d{1,15}$/.test(String(after))) {
        return sendJson(response, 400, { message: 'after: use the id of an event of this stream' });
      }
      const filter = {
        identityPoolId: searchParams.get('pool'),
        identityId: searchParams.get('identity'),
      };
      await stream(response, { feed, filter, after: after === null ? null : Number(after), keepOpenMs });
    },
  };
}

/** Streams the activities to the client. Resolves when the connection is closed. */
async function stream(
  response: ServerResponse,
  {
    feed,
    filter,
    after,
    keepOpenMs,
  }: { feed: ActivityFeed; filter: ActivityFilter; after: number | null; keepOpenMs: number },
): Promise<void> {
  if (response.destroyed) return;
  const closed = once(response, 'close');
  const write = (text: string) => {
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy();
    else response.write(text);
  };
  const missed = after === null ? [] : feed.readAfter(after, filter);
  const stop = feed.listen(filter, (id, activity) => write(textOf(id, activity)));
  if (stop === null) {
    return sendJson(response, 429, { message: `too many listeners: at most ${MAX_LISTENERS}` });
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  write([': activity\n\n', ...missed.map(([id, activity]) => textOf(id, activity))].join(''));
  const keepingOpen = setInterval(() => write(':\n\n'), keepOpenMs);
  await closed;
  clearInterval(keepingOpen);
  stop();
}

/** JSON text has no line breaks, so the data is one line. */
function textOf(id: number, { kind, ...activity }: TimedActivity): string {
  return `id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(activity)}\n\n`;
}
