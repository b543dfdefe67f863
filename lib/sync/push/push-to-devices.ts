import { type DeviceStore, type PushChannel, PushError } from '../ports/push.ts';
import { buildPushMessage, type PushedChange } from './push-message.ts';

/**
 * Longest wait for all messages, including the time to read the devices. UpdateRecords waits for the messages before it
 * responds, because in Lambda nothing runs after the response is sent.
 */
const MAX_WAIT_MS = 300;
/**
 * Maximum devices notified of a change. If SYNC_LIMITS allows an identity more devices, only the devices registered
 * last are notified, because they are most likely in use.
 */
const MAX_DEVICES = 100;

/** The dependencies of push sync. */
export interface Push {
  devices: DeviceStore;
  channel: PushChannel;
  /** Resolves after this many milliseconds; its timer must not keep the process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Called with the outcome of a change's messages. */
  report: (report: PushReport) => void;
}

/**
 * Ids, counts and error names only, safe to log. A device in none of the counts `sent`, `disabled` and `failed` had no
 * outcome when the wait ended.
 */
export interface PushReport extends PushedChange {
  /** Number of devices to notify; null if the devices could not be read in time. */
  devices: number | null;
  sent: number;
  /** Devices that are no longer known to their platforms. */
  disabled: number;
  failed: number;
  /** The names of the errors, each once. */
  errors: string[];
}

/**
 * Notifies the devices that subscribe to a dataset of a change of the dataset. Each device is notified at most once.
 * The device that made the change is never notified. Waits at most 300 ms and never throws. A device that misses a
 * message learns of the change with its next sync.
 *
 * @param fromDevice the DeviceId that the caller sent, which need not be the id of any device
 */
export async function pushToDevices(
  { sleep, report, ...push }: Push,
  change: PushedChange,
  fromDevice: string | undefined,
): Promise<void> {
  const tally: Tally = { devices: null, sent: 0, disabled: 0, failed: 0, errors: new Set() };
  const sending = sendToAll(push, change, fromDevice, tally).catch((error: unknown) => {
    tally.errors.add(nameOf(error));
  });
  await Promise.race([sending, sleep(MAX_WAIT_MS)]);
  report({ ...change, ...tally, errors: [...tally.errors] });
}

type Tally = Pick<PushReport, 'devices' | 'sent' | 'disabled' | 'failed'> & { errors: Set<string> };

async function sendToAll(
  { devices, channel }: Pick<Push, 'devices' | 'channel'>,
  change: PushedChange,
  fromDevice: string | undefined,
  tally: Tally,
): Promise<void> {
  const subscribers = await devices.readSubscribers(change, MAX_DEVICES);
  const others = subscribers.filter(({ deviceId }) => deviceId !== fromDevice);
  tally.devices = others.length;
  await Promise.all(
    others.map(async (device) => {
      try {
        await channel.send(device, buildPushMessage(change, device.platform));
        tally.sent += 1;
      } catch (error) {
        const isDisabled = error instanceof PushError && error.reason === 'disabled';
        tally[isDisabled ? 'disabled' : 'failed'] += 1;
        if (!isDisabled) tally.errors.add(nameOf(error));
      }
    }),
  );
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'not an Error';
}
