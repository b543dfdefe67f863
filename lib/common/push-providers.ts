import type { KeyObject } from 'node:crypto';

/** How Firebase Cloud Messaging is reached: the members of a service account's key file that are needed. */
export interface FcmSettings {
  kind: 'fcm';
  projectId: string;
  clientEmail: string;
  privateKeyId: string;
  /** An RSA key. */
  privateKey: KeyObject;
  /** The address that issues access tokens. */
  tokenUri: string;
  /** Scheme, host and port of the API. */
  endpoint: string;
}

/** How the Apple Push Notification service is reached: a signing key of a developer team, and the app. */
export interface ApnsSettings {
  kind: 'apns';
  /** A P-256 key. */
  key: KeyObject;
  keyId: string;
  teamId: string;
  /** The bundle id of the app. */
  topic: string;
  /** Scheme, host and port of the API. */
  endpoint: string;
}

/** How Amazon SNS is reached, which then reaches the platform. */
export interface SnsSettings {
  kind: 'sns';
  region: string;
  /** Null for the credentials that AWS's own tools use. */
  credentials: { accessKeyId: string; secretAccessKey: string } | null;
  /** Scheme, host and port of the API; null for Amazon's own. */
  endpoint: string | null;
}

export type PushProvider = FcmSettings | ApnsSettings | SnsSettings;

/** The settings of PUSH_PROVIDERS, by the ARN of the push application. */
export type PushProviders = ReadonlyMap<string, PushProvider>;
