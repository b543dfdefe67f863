import { expect } from 'vitest';
import type { Caller } from '../../lib/common/caller.ts';
import type {
  ListRecordsOutput,
  RecordPatch,
  SyncRecord,
  UpdateRecordsOutput,
} from '../../lib/sync/model.ts';
import { live, nameOf } from './model-state.ts';
import type { Run } from './service-run.ts';

interface DatasetInput {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

/** Options of a sync. */
export interface SyncOptions {
  process: number;
  /** Records per page; default all. */
  pageSize: number | undefined;
  /** Whose value is kept if both the device and another caller wrote the record. */
  conflicts: 'mine' | 'theirs';
}

interface Held {
  value: string | null;
  count: number;
  /** Whether the device wrote the record since it last synced. */
  changed: boolean;
}

/** Creates a device with one dataset. The device syncs as Amazon's client SDKs do. */
export function createDevice(dataset: DatasetInput) {
  const { IdentityPoolId: identityPoolId, IdentityId: identityId } = dataset;
  const caller: Caller = { kind: 'identity', identityPoolId, identityId };
  const held = new Map<string, Held>();
  let lastCount = 0;

  async function list(run: Run, { process, pageSize }: SyncOptions) {
    const pages: ListRecordsOutput[] = [];
    const size = pageSize === undefined ? {} : { MaxResults: pageSize };
    let more = {};
    for (;;) {
      const input = { ...dataset, LastSyncCount: lastCount, ...size, ...more };
      const outcome = await run.call('ListRecords', input, { process, caller });
      if ('rejected' in outcome) throw new Error(`ListRecords of a device was rejected: ${outcome.message}`);
      pages.push(outcome.output);
      if (outcome.output.NextToken === null) return { first: outcome.output, pages };
      more = { NextToken: outcome.output.NextToken };
    }
  }

  function merge(records: readonly SyncRecord[], conflicts: SyncOptions['conflicts']): void {
    for (const { Key, Value, SyncCount } of records) {
      const mine = held.get(Key);
      const keepsMine = mine?.changed && conflicts === 'mine';
      held.set(
        Key,
        keepsMine ? { ...mine, count: SyncCount } : { value: Value, count: SyncCount, changed: false },
      );
    }
  }

  /**
   * Prepares for a complete listing: drops the records that the device has not changed since its last sync. The changed
   * records are then sent as new records, with count 0.
   */
  function forgetDeleted(): void {
    for (const [key, one] of held) {
      if (one.changed) one.count = 0;
      else held.delete(key);
    }
  }

  function patches(): RecordPatch[] {
    return [...held]
      .filter(([, one]) => one.changed)
      .map(([Key, { value, count }]) =>
        value === null
          ? { Op: 'remove', Key, SyncCount: count }
          : { Op: 'replace', Key, SyncCount: count, Value: value },
      );
  }

  function discardChanges(): void {
    if (patches().length === 0) return;
    held.clear();
    lastCount = 0;
  }

  function storeWritten({ Records }: UpdateRecordsOutput): void {
    for (const { Key, Value, SyncCount } of Records) {
      held.set(Key, { value: Value, count: SyncCount, changed: false });
    }
    const count = Math.max(...Records.map(({ SyncCount }) => SyncCount));
    // A higher count means that other callers wrote after the listing. With the old count, the next sync lists their
    // changes.
    if (count === lastCount + 1) lastCount = count;
  }

  /** Expects that the device has the stored records, if it has seen the newest sync count. */
  function expectInSync({ state }: Run): void {
    const stored = state.datasets.get(nameOf(identityPoolId, identityId, dataset.DatasetName));
    if ((stored?.count ?? 0) !== lastCount) return;
    const mine = [...held].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]]));
    const theirs = (stored ? live(stored) : []).map(({ Key, Value }) => [Key, Value]);
    expect(mine.sort(), 'the records on the device, compared with the stored ones').toEqual(theirs.sort());
  }

  return {
    write(key: string, value: string | null): void {
      held.set(key, { value, count: held.get(key)?.count ?? 0, changed: true });
    },

    /** Discards writes that were not synced. */
    discardChanges,

    /** Lists, resolves conflicts, and updates with the listed counts. Discards the writes if they are rejected. */
    async sync(run: Run, options: SyncOptions): Promise<void> {
      const { first, pages } = await list(run, options);
      const deleted = first.DatasetDeletedAfterRequestedSyncCount || !first.DatasetExists;
      // A listing from count 0 contains everything.
      if (deleted || lastCount === 0) forgetDeleted();
      for (const { Records } of pages) merge(Records, options.conflicts);
      lastCount = first.DatasetSyncCount;
      const RecordPatches = patches();
      if (RecordPatches.length > 0) {
        const input = { ...dataset, SyncSessionToken: first.SyncSessionToken, RecordPatches };
        const outcome = await run.call('UpdateRecords', input, { process: options.process, caller });
        if ('rejected' in outcome) return discardChanges();
        storeWritten(outcome.output);
      }
      expectInSync(run);
    },
  };
}
