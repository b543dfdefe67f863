import { setTimeout as sleep } from 'node:timers/promises';
import { isObject } from '../../../../lib/common/json.ts';

/** The wait ends if no identity was projected for this long, because the missing identities will then not arrive. */
const PATIENCE_MS = 30_000;
const INTERVAL_MS = 200;
const PAGE_SIZE = 1_000;

/**
 * Waits until the query store has a dataset of each identity.
 *
 * @param url address of the local cloud
 * @returns the number of identities that the query store lacks; null if the service has no query API at this address
 */
export async function awaitProjection(
  url: string,
  identityPoolId: string,
  identityIds: readonly string[],
  onProgress: (done: number) => void,
): Promise<number | null> {
  const missing = new Set(identityIds);
  for (let giveUpAt = Date.now() + PATIENCE_MS; ; await sleep(INTERVAL_MS)) {
    const before = missing.size;
    for await (const identityId of readIdentities(url, identityPoolId)) {
      if (identityId === null) return null;
      missing.delete(identityId);
    }
    onProgress(identityIds.length - missing.size);
    if (missing.size === 0 || Date.now() > giveUpAt) return missing.size;
    if (missing.size < before) giveUpAt = Date.now() + PATIENCE_MS;
  }
}

/** Reads the ids of all identities of the pool. Yields null if there is no query API. */
async function* readIdentities(url: string, pool: string): AsyncGenerator<string | null> {
  let cursor: string | null = null;
  do {
    const parameters = new URLSearchParams({
      pool,
      limit: String(PAGE_SIZE),
      ...(cursor !== null && { cursor }),
    });
    const response = await fetch(`${url}/query/identities?${parameters}`).catch(() => null);
    if (!response?.ok) {
      yield null;
      return;
    }
    const page = toPage(await response.json());
    yield* page.identityIds;
    cursor = page.next;
  } while (cursor !== null);
}

function toPage(body: unknown): { identityIds: string[]; next: string | null } {
  const { items = [], next = null } = isObject(body) ? body : {};
  const identityIds = (Array.isArray(items) ? items : []).map((item) =>
    isObject(item) ? String(item.identityId) : '',
  );
  return { identityIds, next: typeof next === 'string' ? next : null };
}
