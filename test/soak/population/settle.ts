import { setTimeout as sleep } from 'node:timers/promises';
import type { Contents } from './check-population.ts';
import type { Side } from './ledger.ts';
import type { Move } from './move.ts';
import type { Services, Snapshot } from './services.ts';

export interface Settled {
  contents: Record<Side, Contents>;
  /** Identities that exist on only one side. */
  onlyAt: Map<string, Side>;
  seconds: number;
  problems: string[];
}

/** Time in which both sides must agree. */
const LIMIT_MS = 300_000;
const POLL_MS = 2_000;
/** Both sides must remain unchanged for this long. An echo would come sooner. */
const QUIET_MS = 5_000;
/** If devices write after a merge, their last writes must arrive and be merged by a job that runs every minute. */
const MERGES_MS = 130_000;

/**
 * Waits until no dataset waits for the bridge and nothing changes any more, neither records nor counts. A loop would never
 * end, so it is reported as a problem.
 */
export async function settle({
  services,
  identityPoolId,
  move,
  merged,
  waitsForMerges,
}: {
  services: Services;
  identityPoolId: string;
  move: Move;
  /** Identities that were merged: the origin keeps their datasets. */
  merged: ReadonlyMap<string, string>;
  waitsForMerges: boolean;
}): Promise<Settled> {
  const startedAt = performance.now();
  const elapsed = () => performance.now() - startedAt;
  const read = async () => ({
    origin: await services.read('origin', identityPoolId),
    target: await services.read('target', identityPoolId),
  });
  if (waitsForMerges) await sleep(MERGES_MS);
  let before = await read();
  let quietSince = elapsed();
  const problems: string[] = [];
  for (;;) {
    await sleep(POLL_MS);
    const now = await read();
    const { waiting, problems: failing } = await move.status();
    // An event can wait for a retry. If it is lost, the sides never agree, and the check of the contents reports that.
    const mayArrive = differs(now, merged) && elapsed() < LIMIT_MS / 2;
    // A scheduled job merges late writes.
    const isMerging = hasMergedRecords(now.target, merged);
    if (waiting > 0 || !isSame(before, now) || mayArrive || isMerging) quietSince = elapsed();
    before = now;
    if (elapsed() - quietSince >= QUIET_MS) break;
    if (elapsed() > LIMIT_MS) {
      problems.push(`${waiting} datasets still wait for the bridge: ${JSON.stringify(failing)}`);
      break;
    }
  }
  const verified = await move.verify();
  if (verified !== '') problems.push(`move verify found differences: ${verified}`);
  return {
    contents: { origin: before.origin.records, target: before.target.records },
    onlyAt: onlyAt(before),
    seconds: elapsed() / 1_000,
    problems,
  };
}

function isSame(before: Record<Side, Snapshot>, now: Record<Side, Snapshot>): boolean {
  const text = ({ records, syncCounts }: Snapshot) =>
    JSON.stringify([[...records].toSorted(), [...syncCounts].toSorted()]);
  return text(before.origin) === text(now.origin) && text(before.target) === text(now.target);
}

function differs(now: Record<Side, Snapshot>, merged: ReadonlyMap<string, string>): boolean {
  const only = onlyAt(now);
  const text = ({ records }: Snapshot) =>
    JSON.stringify(
      [...records]
        .map(([place, live]) => [place, live.toSorted()] as const)
        .filter(([place, live]) => live.length > 0 && !isIgnored(place.slice(0, place.indexOf(' '))))
        .toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  const isIgnored = (identityId: string) => only.has(identityId) || merged.has(identityId);
  return text(now.origin) !== text(now.target);
}

function hasMergedRecords({ records }: Snapshot, merged: ReadonlyMap<string, string>): boolean {
  return [...records].some(
    ([place, live]) => live.length > 0 && merged.has(place.slice(0, place.indexOf(' '))),
  );
}

function onlyAt({ origin, target }: Record<Side, Snapshot>): Map<string, Side> {
  const only = new Map<string, Side>();
  for (const id of origin.identities.difference(target.identities)) only.set(id, 'origin');
  for (const id of target.identities.difference(origin.identities)) only.set(id, 'target');
  return only;
}
