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

/** Time in which both sides must agree, after the last merges. */
const LIMIT_MS = 300_000;
const POLL_MS = 2_000;
/** Both sides must remain unchanged for this long. A change that the bridge sends back would arrive sooner. */
const QUIET_MS = 5_000;
/** If devices write after a merge, their last writes must arrive and be merged by a job that runs every minute. */
const MERGES_MS = 130_000;

/**
 * Waits until no dataset waits for the bridge and nothing changes any more, neither records nor sync counts. If the
 * bridge sends changes in a loop, this never happens. After LIMIT_MS, the loop is reported as a problem.
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
  move: Pick<Move, 'status' | 'verify'>;
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
  const limitMs = LIMIT_MS + (waitsForMerges ? MERGES_MS : 0);
  if (waitsForMerges) await sleep(MERGES_MS);
  let before = await read();
  let quietSince = elapsed();
  const problems: string[] = [];
  for (;;) {
    await sleep(POLL_MS);
    const now = await read();
    const { waiting, problems: failing } = await move.status();
    const reasons = [
      ...(waiting > 0 ? [`${waiting} datasets wait for the bridge: ${JSON.stringify(failing)}`] : []),
      ...changedPlaces(before, now).map((place) => `${place} still changes`),
      // Waits for equal sides only until half of the limit, because an event can wait for a retry. If an event is lost,
      // the sides never become equal, and checkPopulation reports the difference.
      ...(elapsed() < limitMs / 2 ? differentPlaces(now, merged).map((place) => `${place} differs`) : []),
      // A scheduled job merges late writes.
      ...placesToMerge(now.target, merged).map((place) => `${place} has records of a merged identity`),
    ];
    if (reasons.length > 0) quietSince = elapsed();
    before = now;
    if (elapsed() - quietSince >= QUIET_MS) break;
    if (reasons.length > 0 && elapsed() > limitMs) {
      problems.push(...reasons.map((reason) => `not settled after ${limitMs / 1_000} s: ${reason}`));
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

/** Returns the datasets whose live records or sync count changed on a side. */
function changedPlaces(before: Record<Side, Snapshot>, now: Record<Side, Snapshot>): string[] {
  return (['origin', 'target'] as const).flatMap((side) =>
    different(textsOf(before[side]), textsOf(now[side])).map((place) => `${place} at the ${side}`),
  );
}

/** Returns the datasets whose live records differ between the sides. */
function differentPlaces(now: Record<Side, Snapshot>, merged: ReadonlyMap<string, string>): string[] {
  const only = onlyAt(now);
  const liveOf = ({ records }: Snapshot) =>
    new Map([...records].filter(([, live]) => live.length > 0).map(([place, live]) => [place, textOf(live)]));
  return different(liveOf(now.origin), liveOf(now.target)).filter(
    (place) => !only.has(identityOf(place)) && !merged.has(identityOf(place)),
  );
}

/** Returns the datasets of merged identities that still have live records. */
function placesToMerge({ records }: Snapshot, merged: ReadonlyMap<string, string>): string[] {
  return [...records].flatMap(([place, live]) =>
    live.length > 0 && merged.has(identityOf(place)) ? [place] : [],
  );
}

function different(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((place) => a.get(place) !== b.get(place));
}

function textsOf({ records, syncCounts }: Snapshot): Map<string, string> {
  return new Map(
    [...syncCounts].map(([place, count]) => [place, `${count} ${textOf(records.get(place) ?? [])}`]),
  );
}

function textOf(live: readonly (readonly [key: string, value: string])[]): string {
  return JSON.stringify(live.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function identityOf(place: string): string {
  return place.slice(0, place.indexOf(' '));
}

function onlyAt({ origin, target }: Record<Side, Snapshot>): Map<string, Side> {
  const only = new Map<string, Side>();
  for (const id of origin.identities.difference(target.identities)) only.set(id, 'origin');
  for (const id of target.identities.difference(origin.identities)) only.set(id, 'target');
  return only;
}
