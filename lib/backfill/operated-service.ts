import type { StreamReader } from './evidence.ts';
import type { PoolSettingsApi } from './pool-settings.ts';
import type { SyncClient } from './sync-client.ts';

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
