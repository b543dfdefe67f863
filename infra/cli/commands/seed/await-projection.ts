import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../../../lib/common/errors.ts';
import { isObject } from '../../../../lib/common/json.ts';

interface AwaitedProjection {
  /** Address of the local cloud. */
  url: string;
  identityPoolId: string;
  identityIds: readonly string[];
  onProgress: (done: number) => void;
  /** The wait ends if no identity was projected for this long, because the missing identities will then not arrive. */
  patienceMs?: number;
}

interface Page {
  identityIds: string[];
  next: string | null;
}

/** A request failed. A later request can succeed. `failure` says how, with the query API as its subject. */
interface Failed {
  failure: string;
}

const PATIENCE_MS = 30_000;
const INTERVAL_MS = 200;
const PAGE_SIZE = 1_000;

/**
 * Waits until the query store has a dataset of each identity. Repeats requests that fail.
 *
 * @returns the number of identities that the query store lacks; null if the service has no query API at this address
 * @throws {SetupError} the query API does not answer, or answers that it is busy, until the wait ends
 */
export async function awaitProjection({
  url,
  identityPoolId,
  identityIds,
  onProgress,
  patienceMs = PATIENCE_MS,
}: AwaitedProjection): Promise<number | null> {
  const missing = new Set(identityIds);
  for (let giveUpAt = Date.now() + patienceMs; ; await sleep(INTERVAL_MS)) {
    const before = missing.size;
    const outcome = await removeProjected(missing, url, identityPoolId);
    if (outcome === 'no query API') return null;
    onProgress(identityIds.length - missing.size);
    if (missing.size === 0) return 0;
    if (missing.size < before) giveUpAt = Date.now() + patienceMs;
    if (Date.now() <= giveUpAt) continue;
    if (outcome === 'complete') return missing.size;
    throw new SetupError(
      `all identities were written, but the query API at ${url} ${outcome.failure}, so the query store was not checked; look for the reason in the output of the service`,
    );
  }
}

/** Removes the identities that the query store has. */
async function removeProjected(
  missing: Set<string>,
  url: string,
  pool: string,
): Promise<'complete' | 'no query API' | Failed> {
  let cursor: string | null = null;
  do {
    const page: Page | 'no query API' | Failed = await readPage(url, pool, cursor);
    if (page === 'no query API' || 'failure' in page) return page;
    for (const identityId of page.identityIds) missing.delete(identityId);
    cursor = page.next;
  } while (cursor !== null);
  return 'complete';
}

async function readPage(
  url: string,
  pool: string,
  cursor: string | null,
): Promise<Page | 'no query API' | Failed> {
  const parameters = new URLSearchParams({
    pool,
    limit: String(PAGE_SIZE),
    ...(cursor !== null && { cursor }),
  });
  try {
    const response = await fetch(`${url}/query/identities?${parameters}`);
    const { ok, status } = response;
    if (status === 429 || status >= 500) return { failure: `answered with status ${status}` };
    return ok ? toPage(await response.json()) : 'no query API';
  } catch (error) {
    // The answer is not JSON, so it comes from another server.
    return error instanceof SyntaxError ? 'no query API' : { failure: 'does not answer' };
  }
}

function toPage(body: unknown): Page {
  const { items = [], next = null } = isObject(body) ? body : {};
  const identityIds = (Array.isArray(items) ? items : []).map((item) =>
    isObject(item) ? String(item.identityId) : '',
  );
  return { identityIds, next: typeof next === 'string' ? next : null };
}
