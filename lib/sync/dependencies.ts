import type { Limits } from './limits.ts';
import type { PayloadLinks } from './payload-links.ts';
import type { BulkPublishJobStore } from './ports/bulk-publish-job-store.ts';
import type { InvokeFunction } from './ports/functions.ts';
import type { PoolStore } from './ports/pool-store.ts';
import type { SyncStore } from './ports/sync-store.ts';
import type { Push } from './push/push-to-devices.ts';
import type { FillingDataset } from './row-limits.ts';
import type { SessionTokens } from './session-token.ts';

/** The dependencies of all operations. Each operation takes only the dependencies that it needs. */
export interface SyncDependencies {
  store: SyncStore;
  pools: PoolStore;
  bulkPublishes: BulkPublishJobStore;
  tokens: SessionTokens;
  payloadLinks: PayloadLinks;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  limits: Limits;
  /**
   * Called after a change is committed, with the outbox id of the change's event. The function may publish the event.
   * The response waits for the function but does not depend on its result, because the change is already committed.
   */
  afterWrite: (outboxId: string) => Promise<void> | void;
  /** Called when a dataset reaches 80 % of `rowsPerDataset` or `keyBytesPerDataset`, to warn the operator. */
  onFilling: (dataset: FillingDataset) => void;
  /**
   * Called after a bulk publish was requested. This function may run the job immediately. Otherwise the next scheduled
   * run of `runBulkPublishes` does.
   */
  afterBulkPublish: () => void;
  /** Invokes the sync triggers of pools. */
  invokeFunction: InvokeFunction;
  /** The registered devices and the channel to them. */
  push: Push;
  /** Returns whether a stream of this name exists and accepts records. */
  streamExists: (streamName: string) => Promise<boolean>;
}
