import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';

/** The push platforms that the API model names. Amazon SNS uses the same names. */
export type PushPlatform = 'APNS' | 'APNS_SANDBOX' | 'GCM' | 'ADM';

/** A registered device, with the address to which its messages are sent. */
export interface PushDevice {
  deviceId: string;
  platform: PushPlatform;
  /** The device's endpoint in the push channel. */
  endpoint: string;
}

/** The values that identify a device. A device that registers again with the same values keeps its id. */
export interface Registration extends Pick<DatasetKey, 'identityPoolId' | 'identityId'> {
  platform: PushPlatform;
  /** The token that the platform gave the app on the device; a secret. */
  token: string;
}

/** The database operations of push sync. */
export interface DeviceStore {
  /**
   * Stores the endpoint of a device, but not its token. If the identity then has more than `maxDevices` devices, the
   * devices that registered least recently are removed, with their subscriptions.
   * @param at epoch milliseconds
   * @returns the device's id, a UUID in lower case: a new id, or the id that the device already has
   */
  register(
    registration: Registration,
    endpoint: string,
    options: { at: number; maxDevices: number },
  ): Promise<string>;
  /**
   * Removes a device that was registered for an identity while the identity was being deleted. To be called after
   * `register`: if the identity is deleted even later, its devices are removed then.
   * @returns whether the identity is deleted
   */
  removeIfDeleted(identity: IdentityKey, deviceId: string): Promise<boolean>;
  /** Returns whether a device with this id exists. */
  hasDevice(deviceId: string): Promise<boolean>;
  /** @returns false if the dataset's identity has no device with this id; then nothing is written */
  subscribe(dataset: DatasetKey, deviceId: string, at: number): Promise<boolean>;
  /** @returns false if the device was not subscribed */
  unsubscribe(dataset: DatasetKey, deviceId: string): Promise<boolean>;
  /** Returns the devices that subscribe to a dataset. The device that registered last comes first. */
  readSubscribers(dataset: DatasetKey, limit: number): Promise<PushDevice[]>;
}

/** The channel to devices: Amazon SNS or a substitute. */
export interface PushChannel {
  /**
   * @param device the application that reaches the device, and the device's token
   * @returns the endpoint of the device. If the device already has an endpoint, the channel returns this endpoint or a
   *   new endpoint.
   * @throws {PushError} `refused`
   */
  register(device: { applicationArn: string; platform: PushPlatform; token: string }): Promise<string>;
  /**
   * @param message JSON text in the form that the device's platform accepts
   * @throws {PushError} `disabled`
   */
  send(device: PushDevice, message: string): Promise<void>;
}

/**
 * The failures that a push channel distinguishes. `refused`: the application does not accept this device. `disabled`:
 * the platform no longer knows the device, so the device has to register again.
 */
export type PushErrorReason = 'refused' | 'disabled';

/** A failure of the push channel. Its message contains no token. */
export class PushError extends Error {
  override name = 'PushError';
  readonly reason: PushErrorReason;

  constructor(reason: PushErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
