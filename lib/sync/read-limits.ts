import type { Environment } from '../common/environment.ts';
import { readSyncLimits } from '../common/read-sync-limits.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';

/** Reads the limits of the service. @throws {SetupError} SYNC_LIMITS is invalid */
export function readLimits(env: Environment): Limits {
  return { ...DEFAULT_LIMITS, ...readSyncLimits(env) };
}
