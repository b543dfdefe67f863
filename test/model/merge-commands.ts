import fc from 'fast-check';
import { expect } from 'vitest';
import type { Merge } from '../../lib/sync/ports/merge-store.ts';
import { type Command, command } from './command.ts';
import { finishMerges, link, mergeDatasets } from './model-merges.ts';
import { nameOf } from './model-state.ts';
import { callerAt, oftenest, type Place, pools, processes } from './places.ts';
import { VALUES } from './record-commands.ts';
import type { Run } from './service-run.ts';
import { IDENTITIES } from './setup.ts';

const [FIRST = '', SECOND = '', THIRD = ''] = IDENTITIES;

/** Two identities are linked; of one that is part of another already, what was written since is merged. */
const merges = fc
  .record({
    pool: pools,
    from: oftenest([FIRST, 4], [SECOND, 3], [THIRD, 1]),
    into: oftenest([SECOND, 3], [THIRD, 3], [FIRST, 1]),
    process: processes,
  })
  .filter(({ from, into }) => from !== into)
  .map(({ pool, from, into, process: index }): Command => {
    const who = `${pool.slice(-1)}/${from.slice(-1)} becomes part of ${into.slice(-1)}, or is merged again`;
    return command(`${index}: ${who}`, async (run) => {
      const { now, merges } = run.process(index);
      const made = link(run.state, { pool, from, into }, now);
      if (made !== null) await merges.link(made);
      const merge = run.state.merges.get(nameOf(pool, from));
      if (merge !== undefined) await mergeBoth(run, index, merge);
    });
  });

async function mergeBoth(run: Run, index: number, merge: Merge): Promise<void> {
  const { now, merges } = run.process(index);
  await merges.mergeDatasets(merge);
  run.seeChanges(mergeDatasets(run.state, merge, now));
}

const MINUTE_MS = 60 * 1000;

const finishes = fc
  .record({ process: processes, minutesLater: oftenest<number | null>([null, 2], [0, 1], [125, 2]) })
  .map(({ process: index, minutesLater }): Command => {
    const when = minutesLater === null ? '' : `, ${minutesLater} min from the latest there was`;
    return command(`${index} finishes merges${when}`, async (run) => {
      if (minutesLater !== null) run.setClock(index, run.latest() + minutesLater * MINUTE_MS);
      const { now, merges } = run.process(index);
      const pending = [...run.state.merges.values()];
      const { visited, ended, left } = await merges.finish();
      expect(sorted(visited), 'merges that are taken on').toEqual(sorted(pending));
      const finished = finishMerges(run.state, visited, now);
      run.seeChanges(finished.changed);
      expect(ended, 'merges that ended').toBe(finished.ended);
      expect(sorted(left), 'merges that are left').toEqual(sorted([...run.state.merges.values()]));
    });
  });

function sorted(merges: readonly Merge[]): Merge[] {
  const place = ({ from }: Merge) => nameOf(from.identityPoolId, from.identityId);
  return merges.toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
}

/**
 * As apps do with the copies that they are told of: each is read and deleted, until none is named. A device that does not
 * know of that may write to one again, which is a copy no more.
 */
const copiesTaken = fc
  .record({
    nth: oftenest([0, 2], [1, 1]),
    process: processes,
    writes: fc.option(fc.constantFrom(...VALUES)),
  })
  .map(({ nth, process, writes }): Command => {
    const again = writes === null ? '' : `, then writes a=${JSON.stringify(writes)} into them`;
    return command(
      `${process} itself: takes over the copies of the ${nth} last copied${again}`,
      async (run) => {
        const copy = [...run.state.datasets.values()].filter(({ copyOf }) => copyOf !== null).at(-1 - nth);
        if (!copy) return;
        const place = {
          IdentityPoolId: copy.pool,
          IdentityId: copy.identity,
          DatasetName: copy.copyOf ?? '',
        };
        const by = { process, caller: callerAt('itself', place) };
        const listed = await run.call('ListRecords', place, by);
        const names = 'answer' in listed ? (listed.answer.MergedDatasetNames ?? []) : [];
        for (const DatasetName of names) {
          await run.call('ListRecords', { ...place, DatasetName }, by);
          await run.call('DeleteDataset', { ...place, DatasetName }, by);
          if (writes !== null) await writeTo(run, { ...place, DatasetName }, writes, by);
        }
        await run.call('ListRecords', place, by);
      },
    );
  });

async function writeTo(run: Run, place: Place, value: string, by: Parameters<Run['call']>[2]): Promise<void> {
  const listed = await run.call('ListRecords', place, by);
  if ('refused' in listed) return;
  const { SyncSessionToken, DatasetSyncCount: SyncCount } = listed.answer;
  const RecordPatches = [{ Op: 'replace' as const, Key: 'a', Value: value, SyncCount }];
  await run.call('UpdateRecords', { ...place, SyncSessionToken, RecordPatches }, by);
}

export const mergeCommands = fc.oneof(
  { arbitrary: merges, weight: 5 },
  { arbitrary: finishes, weight: 2 },
  { arbitrary: copiesTaken, weight: 2 },
);
