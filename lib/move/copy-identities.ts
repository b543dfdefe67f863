import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { CopyRun } from './copy-run.ts';
import type { OriginIdentity, Page } from './ports/origin.ts';

/** Maximum difference between the clocks of the origin and of this service. */
const CLOCK_SKEW_MS = 5 * 60_000;

/** Copies the identities that clients can use. */
export function listUsable(run: CopyRun): Promise<void> {
  return listPages(run, true, (identities) => putIdentities(run, identities, 'usable'));
}

/**
 * Copies the remaining identities. An identity without logins that is not among the usable ones is disabled at the
 * origin: its logins were unlinked, or it was merged into another identity. Here it must not become a guest, which anyone
 * who knows its id can use. If it was created after the copy started, it is left to its first event or to the next copy,
 * because it may be a guest that was created between the two listings.
 */
export function listAll(run: CopyRun): Promise<void> {
  const { deps, options, startedAt } = run;
  return listPages(run, false, async (identities) => {
    const ids = identities.map(({ identityId }) => identityId);
    const listed = await deps.store.listedOf(options.identityPoolId, ids, startedAt);
    const others = identities.filter(({ identityId }) => !listed.has(identityId));
    await putIdentities(
      run,
      others.filter(({ providers }) => providers.length > 0),
      'usable',
    );
    const withoutLogins = others.filter(({ providers }) => providers.length === 0);
    await putIdentities(
      run,
      withoutLogins.filter(({ createdAt }) => createdAt < startedAt - CLOCK_SKEW_MS),
      'disabled',
    );
  });
}

async function listPages(
  run: CopyRun,
  hideDisabled: boolean,
  put: (identities: readonly OriginIdentity[]) => Promise<void>,
): Promise<void> {
  const { progress, options } = run;
  let page: Page<OriginIdentity>;
  do {
    if (options.signal?.aborted) return;
    page = await readPage(run, hideDisabled);
    await put(page.items);
    progress.position = page.next;
    await run.save();
    report(run);
  } while (page.next !== null);
}

/** A token can expire while the copy is interrupted. The listing then starts again. */
async function readPage(run: CopyRun, hideDisabled: boolean): Promise<Page<OriginIdentity>> {
  const { deps, options, progress, paced } = run;
  const read = (token: string | null) =>
    paced(() => deps.origin.listIdentities(options.identityPoolId, { hideDisabled, token }));
  try {
    return await read(progress.position);
  } catch (error) {
    const isRefused = error instanceof SyncClientError && error.condition === 'refused';
    if (!isRefused || progress.position === null) throw error;
    return read(null);
  }
}

async function putIdentities(
  { deps, options, progress, startedAt, developerProvider }: CopyRun,
  identities: readonly OriginIdentity[],
  state: 'usable' | 'disabled',
): Promise<void> {
  // The origin can list an identity twice, even on one page.
  const distinct = [...new Map(identities.map((identity) => [identity.identityId, identity])).values()];
  const about = { startedAt, state, developerProvider };
  const { created, kept } = await deps.store.putIdentities(options.identityPoolId, distinct, about);
  progress.counts.listed += distinct.length;
  progress.counts.created += created;
  progress.counts.kept += kept;
}

function report({ options, progress }: CopyRun): void {
  const { phase, counts } = progress;
  options.onProgress?.({ phase, counts, total: null, done: counts.listed, remainingMs: null });
}
