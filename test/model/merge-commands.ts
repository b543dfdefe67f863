import fc from 'fast-check';
import { expect } from 'vitest';
import type { Merge } from '../../lib/sync/ports/merge-store.ts';
import { type Command, command } from './command.ts';
import { finishMerges, link, mergeDatasets } from './model-merges.ts';
import { nameOf } from './model-state.ts';
import { callerAt, type Place, pools, processes, weighted } from './places.ts';
import { VALUES } from './record-commands.ts';
import type { Run } from './service-run.ts';
import { IDENTITIES } from './setup.ts';

const [FIRST = '', SECOND = '', THIRD = ''] = IDENTITIES;

/** Merges an identity into another. If it is already merged, merges the datasets that were written to it since. */
const merges = fc
  .record({
    pool: pools,
    from: weighted([FIRST, 4], [SECOND, 3], [THIRD, 1]),
    into: weighted([SECOND, 3], [THIRD, 3], [FIRST, 1]),
    process: processes,
  })
  .filter(({ from, into }) => from !== into)
  .map(({ pool, from, into, process: index }): Command => {
    const text = `${pool.slice(-1)}/${from.slice(-1)} is merged into ${into.slice(-1)}, or merged again`;
    return command(`${index}: ${text}`, async (run) => {
      const { now, merges } = run.process(index);
      const linked = link(run.state, { pool, from, into }, now);
      if (linked !== null) await merges.link(linked);
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
  .record({ process: processes, minutesLater: weighted<number | null>([null, 2], [0, 1], [125, 2]) })
  .map(({ process: index, minutesLater }): Command => {
    const when = minutesLater === null ? '' : `, ${minutesLater} min after the latest time`;
    return command(`${index} finishes merges${when}`, async (run) => {
      if (minutesLater !== null) run.setClock(index, run.latest() + minutesLater * MINUTE_MS);
      const { now, merges } = run.process(index);
      const pending = [...run.state.merges.values()];
      const { visited, ended, left } = await merges.finish();
      expect(sorted(visited), 'merges that were visited').toEqual(sorted(pending));
      const finished = finishMerges(run.state, visited, now);
      run.seeChanges(finished.changed);
      expect(ended, 'merges that ended').toBe(finished.ended);
      expect(sorted(left), 'merges that remain').toEqual(sorted([...run.state.merges.values()]));
    });
  });

function sorted(merges: readonly Merge[]): Merge[] {
  const place = ({ from }: Merge) => nameOf(from.identityPoolId, from.identityId);
  return merges.toSorted((a, b) => (place(a) < place(b) ? -1 : 1));
}

/**
 * Reads and deletes the listed copies that a merge made, as apps do. A device that does not know of the deletion may
 * write to a deleted copy. That dataset is then no longer a copy.
 */
const copyTakeovers = fc
  .record({
    nth: weighted([0, 2], [1, 1]),
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
        const names = 'output' in listed ? (listed.output.MergedDatasetNames ?? []) : [];
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
  if ('rejected' in listed) return;
  const { SyncSessionToken, DatasetSyncCount: SyncCount } = listed.output;
  const RecordPatches = [{ Op: 'replace' as const, Key: 'a', Value: value, SyncCount }];
  await run.call('UpdateRecords', { ...place, SyncSessionToken, RecordPatches }, by);
}

export const mergeCommands = fc.oneof(
  { arbitrary: merges, weight: 5 },
  { arbitrary: finishes, weight: 2 },
  { arbitrary: copyTakeovers, weight: 2 },
);
