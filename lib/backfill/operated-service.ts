import type { StreamReader } from './evidence.ts';
import type { PoolStreaming, SyncClient } from './sync-client.ts';

/** A Cognito Sync service as the operator's commands ask it, with developer credentials. */
export interface OperatedService {
  /** What it is called in messages: its address, or Amazon's name for it. */
  name: string;
  api: SyncClient;
  settings: PoolSettingsApi;
  streams: StreamReader;
  /** Where its event source mapping puts what it gives up, as redrive takes it; null where nobody has said. */
  failures: string | null;
  /** Of its event source mapping. */
  parallelizationFactor: number;
  close(): void;
}

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
