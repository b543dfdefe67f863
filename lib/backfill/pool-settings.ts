import type { PoolStreaming } from './sync-client.ts';

/** What connects an identity pool with its stream and its function. */
export interface PoolSettings {
  streaming: PoolStreaming;
  /** The ARN of a function; null where none is set. */
  syncTrigger: string | null;
}

/** Reads and changes the settings of identity pools. Every method throws {SyncApiError}. */
export interface PoolSettingsApi {
  read(identityPoolId: string): Promise<PoolSettings>;
  /** What else is set of the pool stays. */
  setStreaming(identityPoolId: string, streaming: PoolStreaming): Promise<void>;
  /** Null removes it. */
  setSyncTrigger(identityPoolId: string, functionArn: string | null): Promise<void>;
}
