import { expect, it } from 'vitest';
import { type FollowOptions, followChanges } from '../../../lib/query/follow-changes.ts';
import type { Position, QueryPage, RecordChange } from '../../../lib/query/model.ts';

const CHANGE: RecordChange = {
  identityPoolId: 'pool',
  identityId: 'identity',
  datasetName: 'game',
  recordKey: 'k',
  recordValue: 'v',
  numericValue: null,
  syncCount: 1,
  lastModifiedDate: new Date(0),
  deviceLastModifiedDate: null,
  projectedAt: new Date(0),
};

const pageAt = (place: string, items: RecordChange[] = []): QueryPage<RecordChange> => ({
  items,
  next: [place],
});

/** Creates a feed of changes with the given pages, and its clock. After the last page, nothing changes any more. */
function createFeed(pages: (QueryPage<RecordChange> | Error)[]) {
  const reads: Position[] = [];
  const feed = { timeMs: 0, isGone: false };
  const options: FollowOptions = {
    async read(after) {
      reads.push(after);
      const page = pages.shift();
      if (page instanceof Error) throw page;
      return page ?? { items: [], next: after };
    },
    mayPass: (error) => error instanceof Error && error.message === 'busy',
    async wait(ms) {
      feed.timeMs += ms;
    },
    hasEnded: () => feed.isGone,
    now: () => feed.timeMs,
  };
  return { feed, reads, options };
}

it('followChanges reads the next page only when the caller asks for it', async () => {
  const { reads, options } = createFeed([pageAt('2', [CHANGE]), pageAt('3', [CHANGE])]);
  const pages = followChanges(pageAt('1', [CHANGE]), options);
  expect((await pages.next()).value).toMatchObject({ next: ['1'] });
  await Promise.resolve();
  expect(reads).toEqual([]);
  expect((await pages.next()).value).toMatchObject({ next: ['2'] });
  expect(reads).toEqual([['1']]);
});

it('followChanges returns a change within a second after the change can be read', async () => {
  const { feed, options } = createFeed([pageAt('1'), pageAt('2', [CHANGE])]);
  const pages = followChanges(pageAt('1'), options);
  expect((await pages.next()).value).toMatchObject({ items: [CHANGE], next: ['2'] });
  expect(feed.timeMs).toBeLessThanOrEqual(1_000);
});

it('followChanges returns an empty page when nothing has changed for 15 seconds', async () => {
  const { feed, options } = createFeed([]);
  const pages = followChanges(pageAt('1'), options);
  expect((await pages.next()).value).toEqual(pageAt('1'));
  expect(feed.timeMs).toBeGreaterThanOrEqual(15_000);
  expect(feed.timeMs).toBeLessThan(20_000);
});

it('followChanges repeats a read that failed because the database was busy, and rejects on any other failure', async () => {
  const { reads, options } = createFeed([new Error('busy'), pageAt('2', [CHANGE]), new Error('broken')]);
  const pages = followChanges(pageAt('1'), options);
  expect((await pages.next()).value).toMatchObject({ next: ['2'] });
  expect(reads).toEqual([['1'], ['1']]);
  await expect(pages.next()).rejects.toThrow('broken');
});

it('followChanges ends when the caller is gone', async () => {
  const { feed, reads, options } = createFeed([]);
  const pages = followChanges(pageAt('1', [CHANGE]), options);
  await pages.next();
  feed.isGone = true;
  expect(await pages.next()).toEqual({ done: true, value: undefined });
  expect(reads).toEqual([]);
});
