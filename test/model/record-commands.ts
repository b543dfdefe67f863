import fc from 'fast-check';
import type { RecordPatch } from '../../lib/sync/model.ts';
import { NEW_YEAR } from '../fixtures/sync/stream-events.ts';
import { type Command, command } from './command.ts';
import type { ModelDataset } from './model-state.ts';
import {
  type CallerName,
  callerAt,
  callers,
  nameOfPlace,
  type Place,
  places,
  processes,
  textOf,
  weighted,
} from './places.ts';
import type { Run } from './service-run.ts';

export const KEYS = ['a', 'b', 'c', 'd', 'e', 'é鍵', '__proto__'];
export const VALUES = ['', '1', '2', 'é', 'twelve bytes'];

/**
 * Where a command gets its token: from a new listing, from the last token of the dataset, from an invented text, or (if
 * it is a number n) from the nth last token of any kind.
 */
const tokens = weighted<string | number>(['new', 9], ['last', 3], ['made up', 1], [0, 1], [3, 1], [7, 1]);
type Token = 'none' | string | number;

const counts = weighted(['right', 8], ["dataset's", 8], ['stale', 1], ['too high', 1], ['no', 1]);

const keys = weighted(...KEYS.map((key, index): [string, number] => [key, KEYS.length - index]));

const patches = fc.record(
  {
    key: keys,
    value: fc.option(fc.constantFrom(...VALUES)),
    count: counts,
    at: fc.option(fc.integer({ min: -2, max: 2 }), { freq: 3 }),
  },
  { noNullPrototype: true },
);
type Patch = typeof patches extends fc.Arbitrary<infer Value> ? Value : never;

const pageSizes = weighted<number | undefined>(
  [undefined, 3],
  [1, 2],
  [2, 2],
  [3, 1],
  [1_024, 1],
  [0, 1],
  [1_025, 1],
);

const updates = fc
  .record({
    place: places,
    by: callers,
    process: processes,
    token: tokens,
    patches: fc.uniqueArray(patches, { selector: ({ key }) => key, maxLength: 7, size: 'max' }),
    again: weighted([false, 15], [true, 1]),
    counts: fc.option(counts, { freq: 2 }),
  })
  .map(({ place, by, process, token, again, counts, patches }): Command => {
    const every = again ? [...patches, ...patches.slice(0, 1)] : patches;
    // Many clients send the same kind of count with all patches, such as the dataset's count.
    const all = every.map((patch) => (counts === null ? patch : { ...patch, count: counts }));
    const text = `${process} ${by}: update ${textOf(place)} with token ${token}:${all.map(describePatch).join()}`;
    return command(text, async (run) => {
      const caller = callerAt(by, place);
      const dataset = run.state.datasets.get(nameOfPlace(place));
      const RecordPatches = all.map((patch) => toRecordPatch(patch, dataset));
      const SyncSessionToken = (await tokenFor(run, place, token, { by, process })) ?? 'none';
      await run.call('UpdateRecords', { ...place, SyncSessionToken, RecordPatches }, { process, caller });
    });
  });

function describePatch({ key, value, count, at }: Patch): string {
  return ` ${key}=${JSON.stringify(value)}@${count}${at === null ? '' : ` written at ${at}`}`;
}

function toRecordPatch(
  { key: Key, value, count, at }: Patch,
  dataset: ModelDataset | undefined,
): RecordPatch {
  const right = dataset?.records.get(Key)?.SyncCount ?? 0;
  const all = dataset?.count ?? 0;
  const SyncCount =
    { right, "dataset's": all, stale: Math.max(0, right - 1), 'too high': all + 1 }[count] ?? 0;
  const written = at === null ? {} : { DeviceLastModifiedDate: NEW_YEAR + at };
  return value === null
    ? { Op: 'remove', Key, SyncCount, ...written }
    : { Op: 'replace', Key, SyncCount, Value: value, ...written };
}

async function tokenFor(
  run: Run,
  place: Place,
  token: Token,
  { by, process }: { by: CallerName; process: number },
): Promise<string | undefined> {
  if (token === 'none') return undefined;
  if (token === 'new') {
    const listed = await run.call('ListRecords', place, { process, caller: callerAt(by, place) });
    return 'output' in listed ? listed.output.SyncSessionToken : 'made up';
  }
  const handles = run.handles();
  const of = nameOfPlace(place);
  const own = handles.filter((handle) => run.state.sessions.get(handle)?.of === of);
  return (typeof token === 'number' ? handles.at(-1 - token) : own.at(-1)) ?? 'made up';
}

const lastCounts = weighted(
  ['no', 3],
  ['the last', 2],
  ['one before the last', 3],
  ['the first', 2],
  ['a deleted', 3],
  ['too high a', 1],
);

const listings = fc
  .record({
    place: places,
    by: callers,
    process: processes,
    from: lastCounts,
    size: pageSizes,
    token: weighted<Token>(['none', 6], ['last', 3], ['made up', 1], [0, 1], [3, 1]),
  })
  .map(({ place, by, process, from, size, token }): Command => {
    const text = `${process} ${by}: list ${textOf(place)} from ${from} count, pages of ${size}, token ${token}`;
    return command(text, async (run) => {
      const SyncSessionToken = await tokenFor(run, place, token, { by, process });
      const { count = 0, deletedAt = 0 } = run.state.datasets.get(nameOfPlace(place)) ?? {};
      const LastSyncCount = {
        'the last': count,
        'one before the last': Math.max(0, count - 1),
        'the first': 1,
        'a deleted': Math.max(0, deletedAt - 1),
        'too high a': count + 1,
      }[from];
      const input = { ...place, LastSyncCount, MaxResults: size, SyncSessionToken };
      await run.call('ListRecords', input, { process, caller: callerAt(by, place) });
    });
  });

const datasetListings = fc
  .record({ place: places, by: callers, process: processes, size: pageSizes })
  .map(({ place, by, process, size }): Command => {
    const { IdentityPoolId, IdentityId } = place;
    const input = { IdentityPoolId, IdentityId, MaxResults: size };
    const text = `${process} ${by}: list datasets at ${textOf(place)}, pages of ${size}`;
    return command(text, async (run) => {
      await run.call('ListDatasets', input, { process, caller: callerAt(by, place) });
    });
  });

/**
 * Continues a listing with the nth last NextToken, for the dataset or pool of the token, or for another dataset or
 * pool.
 */
const furtherPages = fc
  .record({
    nth: weighted([0, 6], [1, 2], [2, 1], [5, 1]),
    otherPlace: fc.option(places, { freq: 8 }),
    process: processes,
    size: pageSizes,
  })
  .map(({ nth, otherPlace, process, size }): Command => {
    const target = otherPlace === null ? '' : `, at ${textOf(otherPlace)}`;
    const text = `${process} developer: continue from the ${nth} last page, pages of ${size}${target}`;
    return command(text, async (run) => {
      const NextToken = run
        .handles()
        .filter((handle) => run.state.pages.has(handle))
        .at(-1 - nth);
      const page = run.state.pages.get(NextToken ?? '');
      if (!page) return;
      const input = { NextToken, MaxResults: size };
      if (page.kind === 'pools') return void (await run.call('ListIdentityPoolUsage', input, { process }));
      const [IdentityPoolId = '', IdentityId = '', DatasetName = ''] = page.of.split(' ');
      const place = otherPlace ?? { IdentityPoolId, IdentityId, DatasetName };
      if (page.kind === 'records') await run.call('ListRecords', { ...place, ...input }, { process });
      else {
        const identity = { IdentityPoolId: place.IdentityPoolId, IdentityId: place.IdentityId };
        await run.call('ListDatasets', { ...identity, ...input }, { process });
      }
    });
  });

const datasetCalls = fc
  .record({
    place: places,
    by: callers,
    process: processes,
    name: weighted(['DeleteDataset' as const, 2], ['DescribeDataset' as const, 1]),
  })
  .map(({ place, by, process, name }): Command => {
    const text = `${process} ${by}: ${name} ${textOf(place)}`;
    return command(text, async (run) => {
      await run.call(name, place, { process, caller: callerAt(by, place) });
    });
  });

export const recordCommands = fc.oneof(
  { arbitrary: updates, weight: 14 },
  { arbitrary: listings, weight: 6 },
  { arbitrary: furtherPages, weight: 4 },
  { arbitrary: datasetCalls, weight: 4 },
  { arbitrary: datasetListings, weight: 2 },
);
