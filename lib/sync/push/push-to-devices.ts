import { type DeviceStore, type PushChannel, type PushDevice, PushError } from '../ports/push.ts';
import { buildPushMessage, type PushedChange } from './push-message.ts';

/**
 * Maximum devices notified of a change. If SYNC_LIMITS allows an identity more devices, only the devices registered
 * last are notified, because they are most likely in use.
 */
const MAX_DEVICES = 100;

/** Maximum changes whose devices are being read in the background. */
const MAX_READS = 1_000;

/** The dependencies of push sync. */
export interface Push {
  devices: DeviceStore;
  channel: PushChannel;
  /**
   * Longest wait for all messages of a change, including the time to read the devices. Null if the messages are sent in the
   * background, which is possible only if the process does not stop after the response.
   */
  maxWaitMs: number | null;
  /** Resolves after this many milliseconds; its timer must not keep the process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Called with the outcome of a change's messages. */
  report: (report: PushReport) => void;
  /** Called once for each device that is disabled. */
  onDisabled: (device: DisabledDevice) => void;
}

/** A device that receives no more messages until it registers again. Safe to log. */
export interface DisabledDevice extends Pick<PushDevice, 'deviceId' | 'platform'> {
  reason: string;
}

/**
 * Ids, counts and descriptions of errors only, safe to log. A device in none of the counts `sent`, `disabled` and
 * `failed` had no outcome when the wait ended.
 */
export interface PushReport extends PushedChange {
  /** Number of devices to notify; null if the devices could not be read in time. */
  devices: number | null;
  sent: number;
  /** Devices that are no longer known to their platforms. They are not notified again until they register again. */
  disabled: number;
  failed: number;
  /** The push channel's descriptions of its errors, and the names of other errors, each once. */
  errors: string[];
}

/**
 * Notifies the devices that subscribe to a dataset of a change of the dataset. The channel may send a message again
 * after a failure. The device that made the change is never notified. Waits at most `maxWaitMs`, or not at all if the
 * messages are sent in the background, and never throws. A device that misses a message learns of the change with its
 * next sync.
 *
 * @param fromDevice the DeviceId that the caller sent, which need not be the id of any device
 */
export async function pushToDevices(
  push: Push,
  change: PushedChange,
  fromDevice: string | undefined,
): Promise<void> {
  const tally: Tally = { devices: null, sent: 0, disabled: 0, failed: 0, errors: new Set() };
  const sending = sendToAll(push, change, fromDevice, tally).catch((error: unknown) => {
    tally.errors.add(describe(error));
  });
  const report = () => push.report({ ...change, ...tally, errors: [...tally.errors] });
  if (push.maxWaitMs === null) {
    void sending.then(report);
    return;
  }
  await Promise.race([sending, push.sleep(push.maxWaitMs)]);
  report();
}

type Tally = Pick<PushReport, 'devices' | 'sent' | 'disabled' | 'failed'> & { errors: Set<string> };

async function sendToAll(
  push: Push,
  change: PushedChange,
  fromDevice: string | undefined,
  tally: Tally,
): Promise<void> {
  const subscribers = await push.devices.readSubscribers(change, MAX_DEVICES);
  const others = subscribers.filter(({ deviceId }) => deviceId !== fromDevice);
  tally.devices = others.length;
  await Promise.all(
    others.map(async (device) => {
      const outcome = await sendTo(push, device, change).catch((error: unknown) => {
        tally.errors.add(describe(error));
        return 'failed' as const;
      });
      tally[outcome] += 1;
    }),
  );
}

async function sendTo(
  { devices, channel, onDisabled }: Push,
  device: PushDevice,
  change: PushedChange,
): Promise<'sent' | 'disabled'> {
  try {
    await channel.send(device, buildPushMessage(change, device.platform));
    return 'sent';
  } catch (error) {
    if (!(error instanceof PushError && error.reason === 'disabled')) throw error;
    const { deviceId, platform } = device;
    // Concurrent messages to the same device also fail. Only the first one disables the device.
    if (await devices.disable(device)) onDisabled({ deviceId, platform, reason: error.message });
    return 'disabled';
  }
}

/**
 * Limits the changes whose devices are being read. If messages are sent in the background, a slow database would
 * otherwise collect changes without limit.
 */
export function limitReads(devices: DeviceStore): DeviceStore {
  let reading = 0;
  return {
    ...devices,
    async readSubscribers(...args) {
      if (reading >= MAX_READS)
        throw new PushError('failed', 'too many changes wait until their subscribed devices are read');
      reading += 1;
      try {
        return await devices.readSubscribers(...args);
      } finally {
        reading -= 1;
      }
    },
  };
}

/** The messages of errors other than `PushError` may contain a token. */
function describe(error: unknown): string {
  if (error instanceof PushError) return error.message;
  return error instanceof Error ? error.name : 'not an Error';
}
