import { isObject } from '../../lib/common/json.ts';
import { type LocalDataset, type SyncHandlers, type SyncOutcome, synchronize } from './mobile-dataset.ts';
import { createMobileRemote, type MobileRemote, type MobileUser } from './mobile-remote.ts';
import { createMobileRequests, type Json, MobileError, type Platform } from './mobile-requests.ts';

/** A dataset as the app sees it on its device. */
export interface MobileDataset {
  local: LocalDataset;
  put(key: string, value: string): void;
  remove(key: string): void;
  /** Returns the values by key, without removed records. */
  values(): Record<string, string>;
  /** Deletes the dataset on the device now. The next sync deletes it in the service. */
  delete(): void;
  synchronize(handlers?: SyncHandlers): Promise<SyncOutcome>;
}

/** A push sync message about a dataset, as the SDK reads it from the platform's message. */
export interface PushUpdate {
  datasetName: string;
  syncCount: number;
}

export interface MobileDevice {
  platform: Platform;
  /** Makes the service calls of this device. It has no access to the data on the device. */
  remote: MobileRemote;
  identityId(): string;
  /** Logs in as the owner of the logins. Without logins, logs in as a guest. */
  logIn(logins?: Record<string, string>): Promise<void>;
  /** Logs in as the user that the app's own backend authenticated. */
  logInAsUserOfBackend(user: { IdentityId: string; Token: string }): Promise<void>;
  openDataset(name: string): MobileDataset;
  /**
   * Registers the device for push. Every later update sends the device id.
   * @param token the token that the push platform gave the app
   * @returns the device id
   */
  registerForPush(token: string): Promise<string>;
  /** Returns null if the SDK ignores the message. */
  readPush(message: string): PushUpdate | null;
}

/** @param cachedIdentityId an identity id that the credentials provider stored in an earlier run of the app */
export function createMobileDevice({
  platform,
  url,
  identityPoolId,
  cachedIdentityId,
}: {
  platform: Platform;
  url: string;
  identityPoolId: string;
  cachedIdentityId?: string;
}): MobileDevice {
  const send = createMobileRequests({ platform, url });
  const datasets = new Map<string, LocalDataset>();
  let user: MobileUser | undefined;
  let deviceId: string | undefined;
  const currentUser = () => {
    if (user === undefined) throw new Error('no user has logged in');
    return { ...user, deviceId };
  };
  const remote = createMobileRemote({ platform, url, user: currentUser });
  const callIdentityApi = (operation: string, body: Json) =>
    send({
      method: 'POST',
      path: '/',
      headers: { 'X-Amz-Target': `AWSCognitoIdentityService.${operation}` },
      body,
    });

  async function assumeIdentity(identityId: string, Logins: Record<string, string>): Promise<void> {
    const response = await callIdentityApi('GetCredentialsForIdentity', { IdentityId: identityId, Logins });
    const next = { identityPoolId, ...readCredentials(response), deviceId: undefined };
    if (user !== undefined && user.identityId !== next.identityId) reparent(datasets, user.identityId);
    user = next;
  }

  function open(name: string): LocalDataset {
    const local = datasets.get(name) ?? { records: new Map(), lastSyncCount: 0 };
    datasets.set(name, local);
    return local;
  }

  return {
    platform,
    remote,
    identityId: () => currentUser().identityId,
    async logIn(logins = {}) {
      const getId = async () =>
        textOf(
          (await callIdentityApi('GetId', { IdentityPoolId: identityPoolId, Logins: logins })).IdentityId,
        );
      const known = user?.identityId ?? cachedIdentityId;
      if (known === undefined) return assumeIdentity(await getId(), logins);
      try {
        await assumeIdentity(known, logins);
      } catch (error) {
        if (!discardsIdentityId(platform, error, logins)) throw error;
        await assumeIdentity(await getId(), logins);
      }
    },
    logInAsUserOfBackend: ({ IdentityId, Token }) =>
      assumeIdentity(IdentityId, { 'cognito-identity.amazonaws.com': Token }),
    openDataset: (name) =>
      openDataset(open(name), (handlers) =>
        synchronize({
          platform,
          name,
          local: open(name),
          remote,
          handlers,
          localMerges: () => [...datasets.keys()].filter((other) => isNonEmptyCopy(name, other, datasets)),
        }),
      ),
    async registerForPush(token) {
      deviceId = await remote.registerDevice(token);
      return deviceId;
    },
    readPush: (message) => readPush(platform, message),
  };
}

/**
 * Decides whether the credentials provider discards its identity id after an error and gets another identity id.
 * Source: `shouldResetIdentityId` of iOS, `CognitoCachingCredentialsProvider` of Android.
 */
function discardsIdentityId(platform: Platform, error: unknown, logins: Record<string, string>): boolean {
  if (!(error instanceof MobileError)) return false;
  const isAuthenticated = Object.keys(logins).length > 0;
  switch (error.code) {
    case 'NotAuthorizedException':
      return true;
    case 'ResourceNotFoundException':
      return platform === 'android' || isAuthenticated;
    case 'ValidationException':
      return true;
    default:
      return platform === 'ios' && isAuthenticated;
  }
}

function openDataset(
  local: LocalDataset,
  synchronizeNow: (handlers: SyncHandlers) => Promise<SyncOutcome>,
): MobileDataset {
  const write = (key: string, value: string | null) => {
    const syncCount = local.records.get(key)?.syncCount ?? 0;
    local.records.set(key, { value, syncCount, isModified: true });
  };
  return {
    local,
    put: write,
    remove: (key) => write(key, null),
    values: () =>
      Object.fromEntries(
        [...local.records].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]])),
      ),
    delete() {
      local.records.clear();
      local.lastSyncCount = -1;
    },
    synchronize: (handlers = {}) => synchronizeNow(handlers),
  };
}

/** Renames the local datasets after a change of the identity. The new names are those of the copies in the service. */
function reparent(datasets: Map<string, LocalDataset>, oldIdentityId: string): void {
  for (const [name, local] of [...datasets]) {
    datasets.delete(name);
    datasets.set(`${name}.${oldIdentityId}`, { ...local, lastSyncCount: 0 });
  }
}

function isNonEmptyCopy(name: string, other: string, datasets: ReadonlyMap<string, LocalDataset>): boolean {
  return other.startsWith(`${name}.`) && (datasets.get(other)?.records.size ?? 0) > 0;
}

function readCredentials({ IdentityId, Credentials }: Json): Pick<MobileUser, 'identityId' | 'credentials'> {
  if (!isObject(Credentials)) throw new TypeError('no credentials');
  return {
    identityId: textOf(IdentityId),
    credentials: {
      accessKeyId: textOf(Credentials.AccessKeyId),
      secretAccessKey: textOf(Credentials.SecretKey),
      sessionToken: textOf(Credentials.SessionToken),
    },
  };
}

const PUSH_KEYS = ['source', 'identityPoolId', 'identityId', 'datasetName', 'syncCount'];

/**
 * Reads a push message as the SDK does. Android ignores a message unless the values of all PUSH_KEYS are strings. iOS
 * ignores a message from another source than Cognito Sync.
 */
function readPush(platform: Platform, message: string): PushUpdate | null {
  const parsed: unknown = JSON.parse(message);
  const data = isObject(parsed) && isObject(parsed.data) ? parsed.data : {};
  if (platform === 'android' && !PUSH_KEYS.every((key) => typeof data[key] === 'string')) return null;
  if (platform === 'ios' && data.source !== 'cognito-sync') return null;
  return { datasetName: textOf(data.datasetName), syncCount: Number(data.syncCount) };
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('a string is missing in the response');
  return value;
}
