import type { Database } from '../../lib/database/database.ts';
import { finishMerges } from '../../lib/sync/jobs/finish-merges.ts';
import type { Limits } from '../../lib/sync/limits.ts';
import type { Merge } from '../../lib/sync/ports/merge-store.ts';
import type { SyncStore } from '../../lib/sync/ports/sync-store.ts';
import { createMergeStore } from '../../lib/sync/store/merge-store.ts';
import { createMerger, insertPendingMerge } from '../fixtures/sync/merges.ts';
import { links } from './service-stream.ts';

/** Merges of identities in one process of the service. */
export interface ServiceMerges {
  /** Stores a pending merge, as linking two identities does before their datasets are merged. */
  link: (merge: Merge) => Promise<void>;
  mergeDatasets: (merge: Merge) => Promise<void>;
  /** Continues all pending merges. */
  finish: () => Promise<FinishedMerges>;
}

export interface FinishedMerges {
  /** The merges, in the order in which they were continued. */
  visited: Merge[];
  ended: number;
  /** The merges that are still pending. */
  left: Merge[];
}

interface Process {
  clock: { now: number };
  limits: Limits;
  store: SyncStore;
}

const HOUR_MS = 60 * 60 * 1000;

export function createServiceMerges(database: Database, { clock, limits, store }: Process): ServiceMerges {
  const merges = createMergeStore(database);
  const offloading = { links, inlineBytes: limits.inlineBytes };
  const mergeDatasets = createMerger(database, clock, { store, merges, offloading });

  return {
    link: (merge) => insertPendingMerge(database, merge),
    mergeDatasets,

    async finish() {
      const visited: Merge[] = [];
      const { ended } = await finishMerges(
        {
          merges,
          async mergeDatasets(merge) {
            visited.push(merge);
            await mergeDatasets(merge);
          },
          credentialsLifetimeMs: HOUR_MS,
          now: () => clock.now,
          onFailure(_, error) {
            throw error;
          },
        },
        { after: null, timeBudgetMs: HOUR_MS },
      );
      return { visited, ended, left: await merges.listPending(null, 100) };
    },
  };
}
