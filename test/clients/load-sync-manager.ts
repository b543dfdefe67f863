import { createRequire } from 'node:module';
import type { SdkWithSyncManager } from './sync-manager.d.ts';

const require = createRequire(import.meta.url);
const DEVICE_MODULES = /\/node_modules\/(aws-sdk|amazon-cognito-js)\//;

/**
 * Loads the SDK and the sync manager for one device. The manager reads the SDK's global configuration (`AWS.config`),
 * which exists once per loaded copy of the SDK. Each device therefore needs its own copy of the SDK, so this
 * function first removes the modules from Node's cache.
 */
export function loadSyncManager(): SdkWithSyncManager {
  for (const path of Object.keys(require.cache)) {
    if (DEVICE_MODULES.test(path)) delete require.cache[path];
  }
  // Suppresses the warning of each copy on stderr that v2 is in maintenance mode. The tests use v2 on purpose.
  Object.assign(require('aws-sdk/lib/maintenance_mode_message'), { suppress: true });
  const AWS: SdkWithSyncManager = require('aws-sdk');
  require('amazon-cognito-js');
  return AWS;
}
