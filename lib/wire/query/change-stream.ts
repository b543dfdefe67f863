import { setTimeout as sleep } from 'node:timers/promises';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Cursors } from '../../query/cursors.ts';
import { followChanges } from '../../query/follow-changes.ts';
import type { PageRequest, QueryPage, RecordChange } from '../../query/model.ts';
import type { QueryReader } from '../../query/ports/query-reader.ts';
import type { WireLogger } from '../wire-response.ts';
import { failureOf } from './failures.ts';
import type { QueryBindings } from './quarantine-routes.ts';
import { SINCE } from './schemas.ts';
import { withIsoDates } from './with-iso-dates.ts';

/** The content type of server-sent events. Source: HTML standard, "Server-sent events". */
export const EVENT_STREAM = 'text/event-stream';

/** Maximum number of clients that follow the feed at a time. */
const MAX_LISTENERS = 16;

/**
 * Adds the change feed as server-sent events: the route `/changes` for clients that accept `text/event-stream`. Each
 * change is one event. The last event of a page has an `id`: the cursor after the page. A request with this cursor in
 * `Last-Event-ID` continues the feed. The stream ends when the client disconnects.
 *
 * @param about what the cursors of the list `/changes` are bound to
 */
export function addChangeStream(
  app: OpenAPIHono<{ Bindings: QueryBindings }>,
  {
    reader,
    cursors,
    about,
    logger,
    now,
  }: {
    reader: QueryReader;
    cursors: Cursors;
    about: readonly string[];
    logger: WireLogger;
    now: () => number;
  },
): void {
  let listeners = 0;
  app.get('/changes', async (context, next) => {
    if (!context.req.header('accept')?.includes(EVENT_STREAM)) return next();
    const query = SINCE.safeParse(context.req.query());
    // The route of the list answers an invalid request with an error.
    if (!query.success) return next();
    if (listeners >= MAX_LISTENERS) {
      const message = `${MAX_LISTENERS} clients already follow the changes; try again later`;
      return context.json({ message }, 429, { 'Retry-After': '10' });
    }
    const { limit, since } = query.data;
    // After a reconnection, a browser sends the first URL again, so the header is newer than the parameter.
    const cursor = context.req.header('last-event-id') || query.data.cursor;
    const read = (after: PageRequest['after']) =>
      reader.changes(since === undefined ? null : new Date(since), { limit, after });
    listeners += 1;
    const ended = new AbortController();
    ended.signal.addEventListener('abort', () => {
      listeners -= 1;
    });
    try {
      const first = await read(cursor === undefined ? null : cursors.read(cursor, about));
      const pages = followChanges(first, {
        read,
        mayPass: (error) => [429, 503].includes(failureOf(error).status),
        wait: (ms) => sleep(ms, undefined, { signal: ended.signal }).catch(() => undefined),
        hasEnded: () => ended.signal.aborted,
        now,
      });
      const write = (page: QueryPage<RecordChange>) =>
        eventsOf(page, (position) => cursors.write(position, about));
      const headers = { 'Content-Type': EVENT_STREAM };
      return new Response(toStream(pages, { write, ended, logger }), { headers });
    } catch (error) {
      ended.abort();
      throw error;
    }
  });
}

/**
 * Adds a route that refuses the stream, for a service whose responses are sent only once they are complete. An event
 * would never arrive.
 */
export function refuseChangeStream(app: OpenAPIHono<{ Bindings: QueryBindings }>): void {
  app.get('/changes', (context, next) => {
    if (!context.req.header('accept')?.includes(EVENT_STREAM)) return next();
    const message = 'this service cannot stream changes; poll the list /query/changes with its cursor';
    return Promise.resolve(context.json({ message }, 501));
  });
}

/**
 * Returns the events of a page. For an empty page, returns a comment, which keeps the connection open, and the id after
 * the page.
 */
function eventsOf(
  { items, next }: QueryPage<RecordChange>,
  cursorOf: (position: readonly string[]) => string,
): string {
  const id = next === null ? '' : `id: ${cursorOf(next)}\n`;
  if (items.length === 0) return `: no change\n${id}\n`;
  // Only the last change of a page has the id, so a client that reconnects receives an interrupted page again.
  return items
    .map(
      (item, index) =>
        `${index === items.length - 1 ? id : ''}data: ${JSON.stringify(withIsoDates(item))}\n\n`,
    )
    .join('');
}

/** Converts pages to a stream, which reads the next page when the client has received the previous page. */
function toStream(
  pages: AsyncGenerator<QueryPage<RecordChange>, void>,
  {
    write,
    ended,
    logger,
  }: { write: (page: QueryPage<RecordChange>) => string; ended: AbortController; logger: WireLogger },
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        // Lets the client know immediately that it is connected.
        controller.enqueue(encoder.encode('retry: 1000\n\n'));
      },
      async pull(controller) {
        try {
          const { value, done } = await pages.next();
          if (ended.signal.aborted) return;
          if (!done) return controller.enqueue(encoder.encode(write(value)));
        } catch (error) {
          logger.error('the change feed failed', { error });
        }
        ended.abort();
        controller.close();
      },
      cancel() {
        ended.abort();
        void pages.return();
      },
    },
    { highWaterMark: 1 },
  );
}
