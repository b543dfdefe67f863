import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';

/** The push platforms that the API model names. Amazon SNS uses the same names. */
export type PushPlatform = 'APNS' | 'APNS_SANDBOX' | 'GCM' | 'ADM';

/** A registered device, with the address to which its messages are sent. */
export interface PushDevice {
  deviceId: string;
  platform: PushPlatform;
  /** The device's endpoint in the push channel. */
  endpoint: string;
  /** The time of the device's last registration, in epoch milliseconds. */
  registeredAt: number;
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
   * Stores the endpoint of a device. Does not store the token, except in an endpoint that contains it. If the identity
   * then has more than `maxDevices` devices, the devices that registered least recently are removed, with their
   * subscriptions.
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
   * `register`: if the identity is deleted only after this call, its deletion removes the device.
   * @returns whether the identity is deleted
   */
  removeIfDeleted(identity: IdentityKey, deviceId: string): Promise<boolean>;
  /** Returns whether a device with this id exists. */
  hasDevice(deviceId: string): Promise<boolean>;
  /** @returns false if the dataset's identity has no device with this id; then nothing is written */
  subscribe(dataset: DatasetKey, deviceId: string, at: number): Promise<boolean>;
  /** @returns false if the device was not subscribed */
  unsubscribe(dataset: DatasetKey, deviceId: string): Promise<boolean>;
  /**
   * Returns the devices that subscribe to a dataset and are not disabled. The device that registered last comes first.
   */
  readSubscribers(dataset: DatasetKey, limit: number): Promise<PushDevice[]>;
  /**
   * Disables a device: it receives no more messages until it registers again. Its subscriptions stay.
   * @param device as it was read. If it has registered again since then, nothing changes
   * @returns whether the device was changed
   */
  disable(device: PushDevice): Promise<boolean>;
}

/** The channel to devices: Amazon SNS, the services of the platforms, or a substitute. */
export interface PushChannel {
  /**
   * @param device the application that reaches the device, and the device's token
   * @returns the endpoint of the device. It contains the token if the channel sends to Apple or Google directly. If the
   *   device already has an endpoint, the channel returns this endpoint or a new endpoint
   * @throws {PushError} `refused`
   */
  register(device: { applicationArn: string; platform: PushPlatform; token: string }): Promise<string>;
  /**
   * @param message JSON text in the form that the device's platform accepts
   * @throws {PushError} `disabled`, `temporary` or `failed`
   */
  send(device: PushDevice, message: string): Promise<void>;
}

/**
 * The failures that a push channel distinguishes. `refused`: the application does not accept this device. `disabled`:
 * the platform no longer knows the device, so the device has to register again. `temporary`: the same message may
 * succeed later. `failed`: the message fails for another reason, such as wrong credentials.
 */
export type PushErrorReason = 'refused' | 'disabled' | 'temporary' | 'failed';

/** A failure of the push channel. Its message contains no token and no id of a device, so it is safe to log. */
export class PushError extends Error {
  override name = 'PushError';
  readonly reason: PushErrorReason;
  /** The shortest wait before the next attempt that the platform demands, in milliseconds; null if it demands none. */
  readonly retryAfterMs: number | null;

  constructor(reason: PushErrorReason, message: string, retryAfterMs: number | null = null) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = retryAfterMs;
  }
}
