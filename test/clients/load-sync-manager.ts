import { createRequire } from 'node:module';
import type { SdkWithSyncManager } from './sync-manager.d.ts';

const require = createRequire(import.meta.url);
const OF_A_DEVICE = /\/node_modules\/(aws-sdk|amazon-cognito-js)\//;

/**
 * The SDK and the sync manager as one device has them. The manager reads the SDK's global configuration (`AWS.config`),
 * of which there is one for each loaded copy of the SDK. So each device loads a copy of its own: the modules that Node
 * keeps are forgotten first.
 */
export function loadSyncManager(): SdkWithSyncManager {
  for (const path of Object.keys(require.cache)) {
    if (OF_A_DEVICE.test(path)) delete require.cache[path];
  }
  // It says on stderr, once for each copy, that it is old: that is why it is here.
  Object.assign(require('aws-sdk/lib/maintenance_mode_message'), { suppress: true });
  const AWS: SdkWithSyncManager = require('aws-sdk');
  require('amazon-cognito-js');
  return AWS;
}
