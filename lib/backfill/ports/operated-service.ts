import type { StreamReader } from './evidence.ts';
import type { IdentityDeletion } from './identity-deletion.ts';
import type { PoolStreaming, SyncClient } from './sync-client.ts';

/** The Cognito Sync service that the operator's commands manage. Requests to it use developer credentials. */
export interface OperatedService {
  /** Name for messages: the service's address, or Amazon's service name. */
  name: string;
  /** Whether the service is Amazon's, not a self-hosted one. */
  isAmazons: boolean;
  api: SyncClient;
  deletion: IdentityDeletion;
  settings: PoolSettingsApi;
  streams: StreamReader;
  /** Failure destination of the event source mapping, in the form that `redrive` accepts; null if not configured. */
  failures: string | null;
  /** `ParallelizationFactor` of the event source mapping. */
  parallelizationFactor: number;
  close(): void;
}

/** The settings that connect an identity pool with its stream and its sync trigger. */
export interface PoolSettings {
  streaming: PoolStreaming;
  /** ARN of the sync trigger's Lambda function; null if the pool has no sync trigger. */
  syncTrigger: string | null;
}

/** Reads and changes the settings of identity pools. Every method throws {SyncClientError}. */
export interface PoolSettingsApi {
  read(identityPoolId: string): Promise<PoolSettings>;
  /** Leaves the pool's other settings unchanged. */
  setStreaming(identityPoolId: string, streaming: PoolStreaming): Promise<void>;
  /** @param functionArn null removes the sync trigger */
  setSyncTrigger(identityPoolId: string, functionArn: string | null): Promise<void>;
}
