import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  type CognitoSyncClient,
  CognitoSyncServiceException,
  DeleteDatasetCommand,
  type ListRecordsResponse,
  type RecordPatch,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { createSyncClient, list } from '../../fixtures/wire/sync-client.ts';
import type { App, AppOptions } from './app.ts';

const ATTEMPTS = 4;

interface LocalDataset {
  syncCount: number;
  records: Map<string, { value: string | null; syncCount: number }>;
  /** Changes that were not sent yet. */
  changes: Map<string, string | null>;
}

/** Creates an app with a plain synchronize loop on the AWS SDK for JavaScript version 3. */
export function createSdkApp(options: AppOptions): App {
  const { url, identityPoolId: IdentityPoolId, logIn } = options;
  const identities = new CognitoIdentityClient({ region: 'us-east-1', endpoint: url });
  const datasets = new Map<string, LocalDataset>();
  let identityId = options.identityId;
  let client: CognitoSyncClient | null = null;

  function open(name: string): LocalDataset {
    const dataset = datasets.get(name) ?? { syncCount: 0, records: new Map(), changes: new Map() };
    datasets.set(name, dataset);
    return dataset;
  }
  const identity = () => ({ IdentityPoolId, IdentityId: String(identityId) });

  async function attempt(name: string): Promise<boolean> {
    if (client === null) throw new Error('the app was not started');
    const dataset = open(name);
    const listed = await list(client, identity(), name, { LastSyncCount: dataset.syncCount });
    const isGone = listed.DatasetDeletedAfterRequestedSyncCount || !listed.DatasetExists;
    if (isGone && dataset.syncCount > 0) {
      forget(dataset);
      return false;
    }
    receive(dataset, listed, options.random);
    const sent = new Map(dataset.changes);
    if (sent.size === 0) return true;
    const { Records = [] } = await client.send(
      new UpdateRecordsCommand({
        ...identity(),
        DatasetName: name,
        SyncSessionToken: listed.SyncSessionToken,
        RecordPatches: [...sent].map(([key, value]) => toPatch(dataset, key, value, options.clockSkewMs)),
      }),
    );
    for (const { Key = '', Value = null, SyncCount = 0 } of Records) {
      dataset.records.set(Key, { value: Value, syncCount: SyncCount });
      // Raises the sync count only if no other device wrote since the listing. Otherwise, the next listing would leave
      // out the records of the other device.
      if (SyncCount === (listed.DatasetSyncCount ?? 0) + 1) dataset.syncCount = SyncCount;
    }
    for (const key of sent.keys()) dataset.changes.delete(key);
    return true;
  }

  return {
    async start() {
      const login = await logIn?.();
      const Logins = login?.logins;
      identityId ??= login?.identityId ?? null;
      identityId ??= (await identities.send(new GetIdCommand({ IdentityPoolId, Logins }))).IdentityId ?? null;
      const command = new GetCredentialsForIdentityCommand({ IdentityId: String(identityId), Logins });
      const { IdentityId, Credentials: issued } = await identities.send(command);
      identityId = String(IdentityId);
      client?.destroy();
      client = createSyncClient(url, {
        credentials: {
          accessKeyId: String(issued?.AccessKeyId),
          secretAccessKey: String(issued?.SecretKey),
          sessionToken: String(issued?.SessionToken),
        },
      });
    },
    identityId: () => String(identityId),
    async round(name, changes) {
      const dataset = open(name);
      for (const [key, value] of changes) dataset.changes.set(key, value);
      for (let done = 0; done < ATTEMPTS; done += 1) {
        try {
          if (await attempt(name)) return true;
        } catch (error) {
          if (!(error instanceof CognitoSyncServiceException)) throw error;
          // The app went back to a version that uses the other service. A real app would wipe its data.
          if (error.message.startsWith('No such SyncCount')) forget(dataset);
          else if (error.name !== 'ResourceConflictException') throw error;
        }
      }
      return false;
    },
    async deleteDataset(DatasetName) {
      if (client === null) throw new Error('the app was not started');
      try {
        await client.send(new DeleteDatasetCommand({ ...identity(), DatasetName }));
      } catch (error) {
        if (!(error instanceof Error && error.name === 'ResourceNotFoundException')) throw error;
      }
      const dataset = open(DatasetName);
      dataset.changes.clear();
      forget(dataset);
      return true;
    },
    values: (name) =>
      Object.fromEntries(
        [...open(name).records].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]])),
      ),
    close() {
      identities.destroy();
      client?.destroy();
    },
  };
}

/** Starts again with an empty dataset. Changes that were not sent are sent as new records. */
function forget(dataset: LocalDataset): void {
  dataset.syncCount = 0;
  dataset.records.clear();
}

/** Stores the listed records. The app resolves each conflict with either record. */
function receive(dataset: LocalDataset, listed: ListRecordsResponse, random: () => number): void {
  for (const { Key = '', Value = null, SyncCount = 0 } of listed.Records ?? []) {
    const isNew = SyncCount > (dataset.records.get(Key)?.syncCount ?? 0);
    if (isNew && dataset.changes.has(Key) && random() < 0.5) dataset.changes.delete(Key);
    dataset.records.set(Key, { value: Value, syncCount: SyncCount });
  }
  dataset.syncCount = listed.DatasetSyncCount ?? 0;
}

function toPatch(dataset: LocalDataset, Key: string, value: string | null, clockSkewMs: number): RecordPatch {
  const SyncCount = dataset.records.get(Key)?.syncCount ?? 0;
  const DeviceLastModifiedDate = new Date(Date.now() + clockSkewMs);
  return value === null
    ? { Op: 'remove', Key, SyncCount, DeviceLastModifiedDate }
    : { Op: 'replace', Key, Value: value, SyncCount, DeviceLastModifiedDate };
}
