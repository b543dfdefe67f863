import type { Limits } from './limits.ts';
import type { SessionTokens } from './session-token.ts';
import type { SyncStore } from './sync-store-port.ts';

/** What the operations are made with; each takes what it needs of it. */
export interface SyncDependencies {
  store: SyncStore;
  tokens: SessionTokens;
  /** Epoch milliseconds. */
  now: () => number;
  limits: Limits;
  /**
   * Told the id of the event in the outbox once a change is committed; the answer waits for it. It can have the event
   * published, but what comes of it changes nothing for the caller: the change is made.
   */
  afterWrite: (outboxId: string) => Promise<void> | void;
}
