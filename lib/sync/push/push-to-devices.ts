import { type DeviceStore, type PushChannel, PushError } from '../ports/push.ts';
import { buildPushMessage, type PushedChange } from './push-message.ts';

/** All that is waited for, the reading of the devices included: in Lambda nothing runs on once the answer is out. */
const LIMIT_MS = 300;
/** An identity may register as many devices as it likes; those that registered last are the ones in use. */
const MAX_DEVICES = 100;

/** What push sync is done with. */
export interface Push {
  devices: DeviceStore;
  channel: PushChannel;
  /** Resolves after so many milliseconds; what it waits with keeps no process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Told what became of the messages of a change. */
  report: (report: PushReport) => void;
}

/** Ids, counts and names of errors only, fit for a log. Of devices that are in no count nothing is known yet. */
export interface PushReport extends PushedChange {
  /** Those to be told; null where that could not be read, or not in time. */
  devices: number | null;
  sent: number;
  /** Devices that their platforms know no more. */
  disabled: number;
  failed: number;
  /** The names of what was thrown, each once. */
  errors: string[];
}

/**
 * Tells the devices that subscribe to a dataset that it has changed, each once at most, and one that wrote the change not
 * at all. It waits for 300 ms at most, and never fails: a device that misses a message learns of the change with its next
 * sync.
 *
 * @param fromDevice what the caller named itself; no device need have that id
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
  await Promise.race([sending, sleep(LIMIT_MS)]);
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
  return error instanceof Error ? error.name : 'something that is no Error';
}
