import type { HttpRequest } from './connection.ts';

/** Records of a dataset, and of each push and pull. */
export const RECORDS = 10;
/** Datasets of a device; an identity of the service can have 20. */
export const DATASETS = 20;

/** A user's device on one of the compared servers. Each server stores the datasets of devices in its own form. */
export interface Device {
  /** Prepares one push per dataset. The push replaces all records and names their current versions on the server. */
  preparePushes(): Promise<HttpRequest[]>;
  /** Prepares one pull per dataset. The pull reads the records of the last push. */
  preparePulls(): Promise<HttpRequest[]>;
  /** Returns how many records the server has written. @param response the body of the response to a push */
  countWritten(response: string): number;
  /** Returns how many records the server has returned. @param response the body of the response to a pull */
  countRead(response: string): number;
}

/** Returns one result per dataset. */
export function perDataset<Result>(create: (dataset: string) => Promise<Result>): Promise<Result[]> {
  return Promise.all(Array.from({ length: DATASETS }, (_, index) => create(`game-${index}`)));
}

/** Returns the keys of a dataset's records. */
export function recordKeys(): string[] {
  return Array.from({ length: RECORDS }, (_, index) => `key-${index}`);
}
