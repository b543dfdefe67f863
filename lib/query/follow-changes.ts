import type { Position, QueryPage, RecordChange } from './model.ts';

export interface FollowOptions {
  /** Reads the page after a position. */
  read(after: Position): Promise<QueryPage<RecordChange>>;
  /** Whether a failed read should be repeated. */
  mayPass(error: unknown): boolean;
  /** Waits. Resolves early when the caller is gone. */
  wait(ms: number): Promise<void>;
  /** Whether the caller is gone. */
  hasEnded(): boolean;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
}

/** Pause after an empty page, before the next read. A change should be visible within a second. */
const POLL_MS = 300;
/** Time until a failed read is repeated. */
const RETRY_MS = 1_000;
/** Maximum time between two pages. If nothing changes, the page is empty. */
const HEARTBEAT_MS = 15_000;

/**
 * Follows the change feed after its first page. Reads the next page only when the caller asks for it, so a slow caller
 * holds one page in memory. Ends only if the caller is gone.
 *
 * @returns pages with changes, and from time to time an empty page, which shows that the feed continues
 */
export async function* followChanges(
  first: QueryPage<RecordChange>,
  { read, mayPass, wait, hasEnded, now }: FollowOptions,
): AsyncGenerator<QueryPage<RecordChange>, void> {
  let page = first;
  let toldAt = now();
  for (;;) {
    const { next } = page;
    if (page.items.length > 0 || now() - toldAt >= HEARTBEAT_MS) {
      yield page;
      toldAt = now();
    }
    if (next === null) return;
    if (page.items.length === 0) await wait(POLL_MS);
    if (hasEnded()) return;
    page = await read(next).catch(async (error: unknown) => {
      if (!mayPass(error)) throw error;
      await wait(RETRY_MS);
      return { items: [], next };
    });
  }
}
