import { SyncClientError } from '../backfill/ports/sync-client.ts';
import { ValueRefusedError } from '../common/errors.ts';
import { type CopyRun, skip } from './copy-run.ts';
import type { OriginIdentity, Page } from './ports/origin.ts';
import { stateOfUnlisted } from './unlisted-identities.ts';

/** Copies the identities that clients can use. */
export function listUsable(run: CopyRun): Promise<void> {
  return listPages(run, true, (identities) => putIdentities(run, identities, 'usable'));
}

/**
 * Copies the identities that `listUsable` did not list. An identity that may be a new guest, created between the two
 * listings, is left out. Its first event or the next copy creates it here.
 */
export function listAll(run: CopyRun): Promise<void> {
  const { deps, options, startedAt } = run;
  return listPages(run, false, async (identities) => {
    const ids = identities.map(({ identityId }) => identityId);
    const listed = await deps.store.listedOf(options.identityPoolId, ids, startedAt);
    const others = identities.filter(({ identityId }) => !listed.has(identityId));
    for (const state of ['usable', 'disabled'] as const) {
      const ofState = others.filter((identity) => stateOfUnlisted(identity, startedAt) === state);
      await putIdentities(run, ofState, state);
    }
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

/** The token of a page can expire while the copy is interrupted. The listing then starts again. */
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
  run: CopyRun,
  identities: readonly OriginIdentity[],
  state: 'usable' | 'disabled',
): Promise<void> {
  // The origin can list an identity twice, even on one page.
  const distinct = [...new Map(identities.map((identity) => [identity.identityId, identity])).values()];
  run.progress.counts.listed += distinct.length;
  try {
    await putDistinct(run, distinct, state);
  } catch (error) {
    if (!(error instanceof ValueRefusedError)) throw error;
    for (const identity of distinct) await putOne(run, identity, state);
  }
}

async function putOne(run: CopyRun, identity: OriginIdentity, state: 'usable' | 'disabled'): Promise<void> {
  try {
    await putDistinct(run, [identity], state);
  } catch (error) {
    if (!(error instanceof ValueRefusedError)) throw error;
    skip(run, { identityId: identity.identityId, datasetName: null, reason: 'value-refused' });
  }
}

async function putDistinct(
  { deps, options, progress, startedAt, developerProvider }: CopyRun,
  identities: readonly OriginIdentity[],
  state: 'usable' | 'disabled',
): Promise<void> {
  const about = { startedAt, state, developerProvider };
  const { created, kept } = await deps.store.putIdentities(options.identityPoolId, identities, about);
  progress.counts.created += created;
  progress.counts.kept += kept;
}

function report({ options, progress }: CopyRun): void {
  const { phase, counts } = progress;
  options.onProgress?.({ phase, counts, total: null, done: counts.listed, remainingMs: null });
}
