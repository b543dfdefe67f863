import type { Limits } from './limits.ts';
import type { PayloadLinks } from './payload-links.ts';
import type { BulkPublishJobStore } from './ports/bulk-publish-job-store.ts';
import type { InvokeFunction } from './ports/functions.ts';
import type { PoolStore } from './ports/pool-store.ts';
import type { SyncStore } from './ports/sync-store.ts';
import type { Push } from './push/push-to-devices.ts';
import type { FillingDataset } from './row-limits.ts';
import type { SessionTokens } from './session-token.ts';

/** The dependencies of the operations. Each operation takes the ones it needs. */
export interface SyncDependencies {
  store: SyncStore;
  pools: PoolStore;
  bulkPublishes: BulkPublishJobStore;
  tokens: SessionTokens;
  payloadLinks: PayloadLinks;
  /** Epoch milliseconds. */
  now: () => number;
  limits: Limits;
  /**
   * Called with the outbox id of the event after a change is committed; the response waits for it. It may publish the
   * event, but its outcome does not affect the caller, because the change is already made.
   */
  afterWrite: (outboxId: string) => Promise<void> | void;
  /** Called when a change has made a dataset reach 80 % of a limit on its rows. */
  onFilling: (dataset: FillingDataset) => void;
  /**
   * Called after a bulk publish was requested. It may start the job immediately; otherwise the schedule starts it
   * later.
   */
  afterBulkPublish: () => void;
  /** Invokes the sync triggers of pools. */
  invokeFunction: InvokeFunction;
  /** The registered devices and the channel to them. */
  push: Push;
  /** Returns whether a stream of this name exists to publish to. */
  streamExists: (streamName: string) => Promise<boolean>;
}
