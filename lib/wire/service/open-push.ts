import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../database/database.ts';
import type { PushChannel } from '../../sync/ports/push.ts';
import type { Push, PushReport } from '../../sync/push/push-to-devices.ts';
import { createPushStore } from '../../sync/store/push-store.ts';

interface OpenPushDeps {
  database: Database;
  /** The channel to the devices. */
  channel: PushChannel;
  logger: { warn(message: string, details: Record<string, unknown>): void };
}

/**
 * Creates the dependencies of push sync. Warns the operator about messages that were not sent. A device that receives no
 * message finds the change at its next sync.
 */
export function openPush({ database, channel, logger }: OpenPushDeps): Push {
  return {
    devices: createPushStore(database),
    channel,
    sleep: (ms) => sleep(ms, undefined, { ref: false }),
    report(report: PushReport) {
      if (report.sent !== report.devices)
        logger.warn('some devices were not notified of a change', { ...report });
    },
  };
}
