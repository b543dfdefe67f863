import { setTimeout as sleep } from 'node:timers/promises';
import { createSteadyClock } from '../../common/steady-clock.ts';
import type { Database } from '../../database/database.ts';
import { type PushChannel, PushError } from '../../sync/ports/push.ts';
import { limitReads, type Push, type PushReport } from '../../sync/push/push-to-devices.ts';
import { createPushStore } from '../../sync/store/push-store.ts';
import { logByCause } from '../log-by-cause.ts';

interface PushLogger {
  warn(message: string, details: Record<string, unknown>): void;
  debug?(message: string, details: Record<string, unknown>): void;
}

interface OpenPushDeps {
  database: Database;
  /** The channel that sends the messages to devices. */
  channel: PushChannel;
  /** Longest wait of an update for its push messages; see `Push`. */
  maxWaitMs: number | null;
  logger: PushLogger;
}

/** Creates the dependencies of push sync. */
export function openPush({ database, channel, maxWaitMs, logger }: OpenPushDeps): Push {
  return {
    devices: limitReads(createPushStore(database)),
    channel,
    maxWaitMs,
    sleep: (ms) => sleep(ms, undefined, { ref: false }),
    report: logUnsent(logger),
    onDisabled: (device) =>
      logger.warn('a device was disabled: it receives no push messages until it registers again', {
        ...device,
      }),
  };
}

/**
 * Warns the operator about messages that were not sent, at most once a minute for each cause. A device that receives no
 * message finds the change at its next sync.
 */
function logUnsent(logger: PushLogger) {
  const byCause = logByCause(
    {
      error: (message, details) => logger.warn(message, { ...details }),
      debug: (message, details) => logger.debug?.(message, { ...details }),
    },
    createSteadyClock(),
  );
  return ({ errors, ...report }: PushReport) => {
    if (report.sent + report.disabled === report.devices) return;
    const error = new PushError('failed', errors.join('; ') || 'no outcome in time');
    byCause.error('some devices were not notified of a change', { ...report, error });
  };
}
