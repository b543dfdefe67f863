import { expect } from 'vitest';
import { type FoldableEvent, foldEvents } from '../../lib/projection/fold-events.ts';
import { compareVersions } from '../../lib/projection/version.ts';
import { decodeStreamEvent } from '../../lib/stream/decode-stream-event.ts';
import type { Device } from './command.ts';
import { nameOf } from './model-state.ts';
import { liveOf, relay } from './model-stream.ts';
import type { Run } from './service-run.ts';
import { IDENTITIES } from './setup.ts';

const WHOLE_SYNC = { process: 0, pageSize: undefined, conflicts: 'theirs' } as const;

/** Checks the end of a run: the stored data matches the model, all devices are in sync, and the stream is complete. */
export async function finish(run: Run, devices: readonly Device[]): Promise<void> {
  await readEverything(run);
  for (const device of devices) {
    device.discardChanges();
    await device.sync(run, WHOLE_SYNC);
  }
  await run.stream.relay({});
  relay(run.state, {});
  expect(sorted(run.stream.published), 'the published events').toEqual(sorted(run.state.published));
  for (const [id, { streamIsComplete }] of run.state.pools) {
    if (streamIsComplete) {
      expect(fold(run, id), 'the live values on the stream').toEqual(liveOf(run.state, id));
    }
  }
}

async function readEverything(run: Run): Promise<void> {
  for (const { pool: IdentityPoolId, identity: IdentityId, name: DatasetName } of [
    ...run.state.datasets.values(),
  ]) {
    await run.call('ListRecords', { IdentityPoolId, IdentityId, DatasetName });
    // If the dataset is or was a copy made by a merge, `root` is the dataset that lists the copy.
    const root = DatasetName.slice(0, Math.max(0, DatasetName.lastIndexOf('.')));
    if (root !== '') await run.call('ListRecords', { IdentityPoolId, IdentityId, DatasetName: root });
    await run.call('DescribeDataset', { IdentityPoolId, IdentityId, DatasetName });
  }
  for (const IdentityPoolId of run.state.pools.keys()) {
    for (const IdentityId of IDENTITIES) {
      await run.call('ListDatasets', { IdentityPoolId, IdentityId });
      await run.call('DescribeIdentityUsage', { IdentityPoolId, IdentityId });
    }
  }
  await run.call('ListIdentityPoolUsage', {});
  for (const IdentityPoolId of run.state.pools.keys()) {
    await run.call('GetIdentityPoolConfiguration', { IdentityPoolId });
    await run.call('GetCognitoEvents', { IdentityPoolId });
    await run.call('GetBulkPublishDetails', { IdentityPoolId });
  }
}

type Published = Run['stream']['published'];

/** Sorts the events, because the relay guarantees no order, and sorts the records of each event by key. */
function sorted(published: Published): Published {
  return published
    .map(({ stream, event }) => ({ stream, event: withSortedRecords(event) }))
    .sort((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
}

function withSortedRecords(event: object): object {
  const records = Reflect.get(event, 'kinesisSyncRecords');
  if (!Array.isArray(records)) return event;
  return { ...event, kinesisSyncRecords: records.toSorted((a, b) => (a.key < b.key ? -1 : 1)) };
}

function textOf({ stream, event }: Published[number]): string {
  const { kinesisSyncRecords, ...about } = Object.fromEntries(Object.entries(event).sort());
  const records = Array.isArray(kinesisSyncRecords)
    ? kinesisSyncRecords.map((record) => JSON.stringify(Object.entries(record).sort()))
    : null;
  return JSON.stringify([stream, about, records]);
}

/** Returns the live values according to the stream, as its readers compute them. */
function fold({ stream }: Run, pool: string): Record<string, string | null> {
  const events = stream.published
    .map(({ event }) => decodeStreamEvent(Buffer.from(JSON.stringify(event))))
    .filter(({ dataset }) => dataset.identityPoolId === pool)
    .map((event): FoldableEvent => {
      if (event.kind === 'records') return event;
      if (event.kind === 'offloaded' || event.lastModifiedDate === null || event.syncCount === null) {
        throw new Error('an event without records, date or count');
      }
      const { dataset, lastModifiedDate, syncCount } = event;
      return { kind: 'removal', dataset, version: { lastModifiedDate, syncCount } };
    });
  return Object.fromEntries(
    foldEvents(events).flatMap(({ dataset, removal, records }) =>
      records
        .filter(({ value }) => value !== null)
        .filter(({ version }) => removal === null || compareVersions(version, removal) > 0)
        .map(({ key, value }) => [
          `${nameOf(dataset.identityPoolId, dataset.identityId, dataset.datasetName)}/${key}`,
          value,
        ]),
    ),
  );
}
