import { isObject } from '../../lib/common/json.ts';
import { createMobileRequests, type Json, type MobileCredentials, type Platform } from './mobile-requests.ts';

export interface RemoteRecord {
  key: string;
  /** Null if the record is removed. */
  value: string | null;
  syncCount: number;
  /** Epoch milliseconds. */
  lastModifiedDate: number;
  deviceLastModifiedDate: number | null;
}

export interface ListedUpdates {
  records: RemoteRecord[];
  datasetSyncCount: number;
  exists: boolean;
  deleted: boolean;
  mergedDatasetNames: string[];
  syncSessionToken: string;
}

export interface PushedPatch {
  key: string;
  value: string | null;
  syncCount: number;
  /** Set only by apps that use the low-level client. If it is missing, the SDK decides whether to send a date. */
  deviceLastModifiedDate?: string;
}

/** The operations that a mobile SDK calls for the current user of the device. */
export interface MobileRemote {
  /** Returns the calls since the last `takeCalls`, for example `ListRecords 1`, with the sync count of the request. */
  takeCalls(): string[];
  listUpdates(name: string, lastSyncCount: number, token: string | undefined): Promise<ListedUpdates>;
  updateRecords(name: string, patches: readonly PushedPatch[], token: string): Promise<RemoteRecord[]>;
  deleteDataset(name: string): Promise<void>;
  /** @returns the device id */
  registerDevice(token: string): Promise<string>;
  subscribe(name: string, deviceId: string): Promise<void>;
  unsubscribe(name: string, deviceId: string): Promise<void>;
}

/** The current user of the device. */
export interface MobileUser {
  identityPoolId: string;
  identityId: string;
  credentials: MobileCredentials;
  /** Set if the device is registered for push. */
  deviceId: string | undefined;
}

export function createMobileRemote({
  platform,
  url,
  user,
}: {
  platform: Platform;
  url: string;
  user: () => MobileUser;
}): MobileRemote {
  const send = createMobileRequests({ platform, url });
  const calls: string[] = [];
  const own = (kind: 'identities' | 'identity', ...parts: string[]) =>
    ['', 'identitypools', user().identityPoolId, kind, user().identityId, ...parts]
      .map(encodeURIComponent)
      .join('/');
  const request = (
    call: string,
    method: string,
    path: string,
    more: Omit<Parameters<typeof send>[0], 'method' | 'path'> = {},
  ) => {
    calls.push(call);
    return send({ method, path, credentials: user().credentials, ...more });
  };
  const listPage = (name: string, query: Record<string, string>) =>
    request(`ListRecords ${query.lastSyncCount}`, 'GET', own('identities', 'datasets', name, 'records'), {
      query,
    });

  return {
    takeCalls: () => calls.splice(0),
    listUpdates: (name, lastSyncCount, token) =>
      platform === 'android'
        ? listAllPages((query) => listPage(name, query), lastSyncCount)
        : listOnce((query) => listPage(name, query), lastSyncCount, token),
    async updateRecords(name, patches, token) {
      const { Records } = await request('UpdateRecords', 'POST', own('identities', 'datasets', name), {
        // The header is in the API model; the SDKs send it if the app sets a context.
        headers: { 'x-amz-Client-Context': '{"client":{"app_title":"notes"}}' },
        body: {
          SyncSessionToken: token,
          ...(user().deviceId !== undefined && { DeviceId: user().deviceId }),
          RecordPatches: patches.map((patch) => toPatch(platform, patch)),
        },
      });
      return readRecords(Records);
    },
    async deleteDataset(name) {
      await request(`DeleteDataset ${name}`, 'DELETE', own('identities', 'datasets', name));
    },
    async registerDevice(token) {
      const Platform = platform === 'android' ? 'GCM' : 'APNS';
      const { DeviceId } = await request('RegisterDevice', 'POST', own('identity', 'device'), {
        body: { Platform, Token: token },
      });
      return textOf(DeviceId);
    },
    async subscribe(name, deviceId) {
      const path = own('identities', 'datasets', name, 'subscriptions', deviceId);
      await request('SubscribeToDataset', 'POST', path);
    },
    async unsubscribe(name, deviceId) {
      const path = own('identities', 'datasets', name, 'subscriptions', deviceId);
      await request('UnsubscribeFromDataset', 'DELETE', path);
    },
  };
}

type ListPage = (query: Record<string, string>) => Promise<Json>;

/** Android requests pages of 1,024 records and uses the dataset state of the last page. */
async function listAllPages(listPage: ListPage, lastSyncCount: number): Promise<ListedUpdates> {
  const records: RemoteRecord[] = [];
  const query = { lastSyncCount: String(lastSyncCount), maxResults: '1024' };
  for (let nextToken = ''; ; ) {
    const page = await listPage(nextToken === '' ? query : { ...query, nextToken });
    const updates = readUpdates(page);
    records.push(...updates.records);
    if (typeof page.NextToken !== 'string') return { ...updates, records };
    nextToken = page.NextToken;
  }
}

/** iOS sends one request without a page size and never requests another page. */
async function listOnce(
  listPage: ListPage,
  lastSyncCount: number,
  token: string | undefined,
): Promise<ListedUpdates> {
  const query = { lastSyncCount: String(lastSyncCount) };
  return readUpdates(await listPage(token === undefined ? query : { ...query, syncSessionToken: token }));
}

function readUpdates(page: Json): ListedUpdates {
  return {
    records: readRecords(page.Records),
    datasetSyncCount: numberOf(page.DatasetSyncCount),
    exists: flagOf(page.DatasetExists),
    deleted: flagOf(page.DatasetDeletedAfterRequestedSyncCount),
    mergedDatasetNames: Array.isArray(page.MergedDatasetNames) ? page.MergedDatasetNames.map(String) : [],
    syncSessionToken: textOf(page.SyncSessionToken),
  };
}

function readRecords(records: unknown): RemoteRecord[] {
  if (!Array.isArray(records)) throw new NullPointerError();
  return records.filter(isObject).map((record) => ({
    key: textOf(record.Key),
    value: typeof record.Value === 'string' ? record.Value : null,
    syncCount: numberOf(record.SyncCount),
    lastModifiedDate: toMilliseconds(numberOf(record.LastModifiedDate)),
    deviceLastModifiedDate:
      typeof record.DeviceLastModifiedDate === 'number'
        ? toMilliseconds(record.DeviceLastModifiedDate)
        : null,
  }));
}

function toMilliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}

/** Android sends when the record was changed on the device, in seconds with a fraction; iOS does not. */
function toPatch(platform: Platform, { key, value, syncCount, ...given }: PushedPatch): Json {
  return {
    Op: value === null ? 'remove' : 'replace',
    Key: key,
    SyncCount: syncCount,
    ...(value !== null && { Value: value }),
    ...(platform === 'android' && { DeviceLastModifiedDate: Date.now() / 1000 }),
    ...(given.deviceLastModifiedDate !== undefined && {
      DeviceLastModifiedDate: given.deviceLastModifiedDate,
    }),
  };
}

// Android unboxes the members that it needs without checking for null, so a missing member throws NullPointerError.

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new NullPointerError();
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== 'number') throw new NullPointerError();
  return value;
}

function flagOf(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new NullPointerError();
  return value;
}

/** The error that crashes an app on Android. */
class NullPointerError extends Error {
  override name = 'NullPointerError';
}
