import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { getJson, type PageOf, pathWith } from './api.ts';
import { freshness } from './connection.ts';

export interface Loaded<Data> {
  /** Undefined until the first answer. Stays while newer data is loaded. */
  data: Data | undefined;
  error: Error | undefined;
  isLoading: boolean;
  reload(): void;
}

/** The server is idle for at least this multiple of the duration of a load before the same data is refreshed. */
const IDLE_FACTOR = 2;

/**
 * Loads data when the component appears, when `name` changes, and when the data may be outdated.
 * @param name identifies the data; null loads nothing
 * @param isRefreshed whether the data is loaded again when it may be outdated. False for data that is expensive to load:
 *   it is loaded again only by `reload`
 */
export function useLoad<Data>(
  name: string | null,
  load: (signal: AbortSignal) => Promise<Data>,
  isRefreshed: (data: Data) => boolean = () => true,
): Loaded<Data> {
  const [state, setState] = useState<{ name: string | null; data?: Data; error?: Error; isLoading: boolean }>(
    {
      name: null,
      isLoading: true,
    },
  );
  const [reloads, setReloads] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  const request = useRef<(isRefresh: boolean) => void>(() => undefined);
  const seen = useRef<{ fresh: number; reloads: number } | null>(null);
  const fresh = freshness.value;
  useEffect(() => {
    if (name === null) return;
    const aborted = new AbortController();
    let isRunning = false;
    let isOutdated = false;
    // A load that the user requested does not wait for the pause between two loads.
    let isUrgent = false;
    let idleUntil = 0;
    let pause = Promise.withResolvers<void>();
    const rest = async () => {
      if (isUrgent) return;
      pause = Promise.withResolvers();
      const timer = setTimeout(pause.resolve, idleUntil - performance.now());
      await pause.promise;
      clearTimeout(timer);
    };
    // While a load runs, further requests cause only one more load, so that a busy server does not become busier.
    const run = async (isRefresh: boolean) => {
      isOutdated = isRunning;
      if (!isRefresh) {
        isUrgent = true;
        pause.resolve();
      }
      if (isRunning) return;
      isRunning = true;
      if (isRefresh) await rest();
      if (aborted.signal.aborted) return;
      setState((before) =>
        before.name === name ? { ...before, isLoading: true } : { name, isLoading: true },
      );
      do {
        isOutdated = false;
        isUrgent = false;
        const startedAt = performance.now();
        await loadOnce(aborted.signal);
        idleUntil = performance.now() + IDLE_FACTOR * (performance.now() - startedAt);
        if (isOutdated) await rest();
      } while (isOutdated && !aborted.signal.aborted);
      isRunning = false;
    };
    const loadOnce = async (signal: AbortSignal) => {
      try {
        const data = await latest.current(signal);
        if (!signal.aborted) setState({ name, data, isLoading: false });
      } catch (error) {
        if (signal.aborted) return;
        const failure = error instanceof Error ? error : new Error(String(error));
        setState((before) => ({ ...before, name, error: failure, isLoading: false }));
      }
    };
    request.current = (isRefresh) => void run(isRefresh);
    request.current(false);
    return () => {
      aborted.abort();
      pause.resolve();
      request.current = () => undefined;
    };
  }, [name]);
  // `fresh` and `reloads` request the same data again.
  useEffect(() => {
    const before = seen.current;
    seen.current = { fresh, reloads };
    if (before === null) return;
    const isRefresh = before.reloads === reloads;
    const { data, error } = state;
    if (isRefresh && data !== undefined && error === undefined && !isRefreshed(data)) return;
    request.current(isRefresh);
  }, [fresh, reloads]);
  const isCurrent = state.name === name;
  return {
    data: isCurrent ? state.data : undefined,
    error: isCurrent ? state.error : undefined,
    isLoading: name !== null && (!isCurrent || state.isLoading),
    reload: useCallback(() => setReloads((count) => count + 1), []),
  };
}

export interface LoadedList<Item> extends Loaded<readonly Item[]> {
  hasMore: boolean;
  /** Loads more items at the end of the list. */
  more(): void;
}

/** Maximum `limit` of the query API. */
const MAX_ITEMS = 1_000;

/**
 * Reads the first `count` items of a list of the query API. A page can be shorter than its limit, or empty, although
 * more pages follow. Reads at most `count` pages, so it may return fewer items although `hasMore` is true.
 *
 * @throws {ApiError}
 */
export async function readItems<Item>(
  path: string,
  params: Readonly<Record<string, string | undefined>>,
  count: number,
  signal: AbortSignal,
): Promise<{ items: Item[]; hasMore: boolean }> {
  const items: Item[] = [];
  let next: string | null = null;
  for (let pages = 0; pages < count; pages += 1) {
    // If the items of the first page were not enough, most rows do not match, so larger pages are faster.
    const limit: number = pages === 0 ? Math.min(count, MAX_ITEMS) : MAX_ITEMS;
    const query = pathWith(path, { ...params, limit, cursor: next ?? undefined });
    const page: PageOf<Item> = await getJson(query, signal);
    items.push(...page.items);
    next = page.next;
    if (next === null || items.length >= count) break;
  }
  return { items: items.slice(0, count), hasMore: next !== null || items.length > count };
}

/**
 * Loads a list of the query API, from its start. Refreshes the shown items when they may be outdated.
 * @param path null loads nothing
 * @param step number of items to load at a time
 */
export function useList<Item>(
  path: string | null,
  params: Readonly<Record<string, string | undefined>> = {},
  step = 100,
): LoadedList<Item> {
  const query = path === null ? null : pathWith(path, params);
  const [size, setSize] = useState({ query, count: step });
  const count = size.query === query ? size.count : step;
  const loaded = useLoad<{ items: Item[]; hasMore: boolean }>(query === null ? null : query, (signal) =>
    readItems(path ?? '', params, count, signal),
  );
  const { reload } = loaded;
  return {
    ...loaded,
    data: loaded.data?.items,
    hasMore: loaded.data?.hasMore ?? false,
    more: () => {
      setSize({ query, count: count + step });
      reload();
    },
  };
}
