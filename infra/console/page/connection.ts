import { signal } from '@preact/signals';
import { addActivity, type LiveRow } from './live-rows.ts';
import { ACTIVITY_KINDS, type ActivityKind, type ShownActivity } from './model.ts';

/** Whether the server answers. */
export const isConnected = signal(true);
/** Rises when shown data may be outdated: after rows were written, and when the server answers again. */
export const freshness = signal(0);
/** What happened since the page was opened, newest first. */
export const liveRows = signal<readonly LiveRow[]>([]);

const MAX_ROWS = 250;
const RETRY_MS = 1_000;
/** Many batches in a short time cause only one refresh. */
const REFRESH_MS = 200;

let source: EventSource | undefined;
let retry: number | undefined;
let refresh: number | undefined;
let waiting: ShownActivity[] = [];
let count = 0;
/** The id of the newest activity that the page received. Ids start at 1. */
let lastId = '0';

/**
 * Subscribes to the activity of the server while the page is visible. Reconnects until the server answers.
 *
 * A browser opens at most six connections to one host over HTTP/1.1, for all its tabs. If hidden pages kept their
 * subscriptions, a seventh page would wait for a connection indefinitely.
 */
export function startConnection(): void {
  document.addEventListener('visibilitychange', () => subscribe(`?after=${lastId}`));
  subscribe('');
}

/** @param query `after`: the server first sends the activities after this id that it still knows */
function subscribe(query: string): void {
  source?.close();
  if (document.hidden || retry !== undefined) return;
  source = new EventSource(`/query/activity${query}`);
  source.addEventListener('open', () => {
    isConnected.value = true;
    // The server does not report everything that happened before the subscription, so the data may be outdated.
    freshness.value += 1;
  });
  source.addEventListener('error', () => reportUnreachable());
  for (const kind of ACTIVITY_KINDS) {
    source.addEventListener(kind, ({ data, lastEventId }: MessageEvent<string>) => {
      lastId = lastEventId;
      receive(kind, data);
    });
  }
}

/** Called when a request failed. Checks whether the server answers, and reconnects when it does. */
export function reportUnreachable(): void {
  if (retry !== undefined) return;
  source?.close();
  retry = setTimeout(() => void check(), isConnected.value ? 0 : RETRY_MS);
}

async function check(): Promise<void> {
  const answered = await fetch('/healthz').then(
    () => true,
    () => false,
  );
  const wasConnected = isConnected.value;
  isConnected.value = answered;
  if (!answered) {
    retry = setTimeout(() => void check(), RETRY_MS);
    return;
  }
  retry = setTimeout(
    () => {
      retry = undefined;
      subscribe(`?after=${lastId}`);
      // If the server answers but rejects the subscription, the data is loaded again every RETRY_MS.
      freshness.value += 1;
    },
    wasConnected ? RETRY_MS : 0,
  );
}

function receive(kind: ActivityKind, data: string): void {
  count += 1;
  const { at, ...details } = JSON.parse(data);
  waiting.push({ kind, number: count, at: new Date(at), details });
  if (refresh !== undefined) return;
  refresh = setTimeout(() => {
    refresh = undefined;
    const hasRows = waiting.some((each) => each.kind === 'projected');
    liveRows.value = waiting.reduce(addActivity, liveRows.value).slice(0, MAX_ROWS);
    waiting = [];
    if (hasRows) freshness.value += 1;
  }, REFRESH_MS);
}
