import type { DatasetKey } from '../../common/dataset-key.ts';

/** Those of the API model; Amazon SNS calls them the same. */
export type PushPlatform = 'APNS' | 'APNS_SANDBOX' | 'GCM' | 'ADM';

/** A device that registered, as messages find it. */
export interface PushDevice {
  deviceId: string;
  platform: PushPlatform;
  /** Where the push channel takes its messages. */
  endpoint: string;
}

/** What makes a device the one it is: it registers again with the same, and is the same. */
export interface Registration extends Pick<DatasetKey, 'identityPoolId' | 'identityId'> {
  platform: PushPlatform;
  /** Of the platform, and the app on the device; a secret. */
  token: string;
}

/** What push sync needs of a database. */
export interface DeviceStore {
  /**
   * Keeps where a device is reached, but not its token.
   * @param at epoch milliseconds
   * @returns its id, a UUID in lower case: a new one, or the one it has
   */
  register(registration: Registration, endpoint: string, at: number): Promise<string>;
  /** Says whether there is such a device. */
  hasDevice(deviceId: string): Promise<boolean>;
  /** @returns false where the identity of the dataset has no such device; then nothing is written */
  subscribe(dataset: DatasetKey, deviceId: string, at: number): Promise<boolean>;
  /** @returns false where it was not subscribed */
  unsubscribe(dataset: DatasetKey, deviceId: string): Promise<boolean>;
  /** The devices that subscribe to a dataset, those that registered last first. */
  readSubscribers(dataset: DatasetKey, limit: number): Promise<PushDevice[]>;
}

/** The way to devices: Amazon SNS, or what stands in for it. */
export interface PushChannel {
  /**
   * @param device the application that is to reach it, and its token
   * @returns the endpoint of the device, the same or a new one where it has one already
   * @throws {PushError} `refused`
   */
  register(device: { applicationArn: string; platform: PushPlatform; token: string }): Promise<string>;
  /**
   * @param message as the device's platform takes it: a JSON text
   * @throws {PushError} `disabled`
   */
  send(device: PushDevice, message: string): Promise<void>;
}

/**
 * What a push channel may say, beside that it failed: that it takes no such device for that application, or that the
 * platform knows the device no more, which it has to register again for.
 */
export type PushErrorReason = 'refused' | 'disabled';

/** Its message holds no token. */
export class PushError extends Error {
  override name = 'PushError';
  readonly reason: PushErrorReason;

  constructor(reason: PushErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
