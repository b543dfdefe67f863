import { type CognitoSync, ResourceConflictException } from '../../../lib/aws/cognito-sync-client.ts';

export interface DatasetName {
  IdentityPoolId: string;
  IdentityId: string;
  DatasetName: string;
}

/** One device and its copy of a dataset. Implements only the part of the SDKs' sync manager that the demo needs. */
export interface Device {
  name: string;
  /** The values that the device last read or wrote, by key. */
  records(): ReadonlyMap<string, string>;
  /** Fetches the changes of other devices. */
  pull(): Promise<void>;
  /**
   * Writes values, with the sync counts that the device last read. The value null removes a record.
   * @returns `stored`, or the service's message if the write conflicts with another device's change
   */
  push(values: Readonly<Record<string, string | null>>): Promise<'stored' | { conflict: string }>;
  deleteDataset(): Promise<void>;
}

export function createDevice(name: string, client: CognitoSync, dataset: DatasetName): Device {
  const seen = new Map<string, { value: string | undefined; syncCount: number }>();
  let lastSyncCount = 0;

  /**
   * Lists the changes since the last `pull`, without applying them. `push` calls this function only for the session
   * token in the response. A device can therefore write without having fetched the changes of other devices.
   */
  const list = () => client.listRecords({ ...dataset, LastSyncCount: lastSyncCount });

  return {
    name,
    records: () =>
      new Map(Array.from(seen).flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]]))),
    async pull() {
      const { Records = [], DatasetSyncCount = 0 } = await list();
      for (const { Key = '', Value, SyncCount = 0 } of Records)
        seen.set(Key, { value: Value, syncCount: SyncCount });
      lastSyncCount = DatasetSyncCount;
    },
    async push(values) {
      const { SyncSessionToken } = await list();
      try {
        const { Records = [] } = await client.updateRecords({
          ...dataset,
          SyncSessionToken,
          RecordPatches: Object.entries(values).map(([Key, value]) => ({
            Op: value === null ? 'remove' : 'replace',
            Key,
            SyncCount: seen.get(Key)?.syncCount ?? 0,
            DeviceLastModifiedDate: new Date(),
            ...(value !== null && { Value: value }),
          })),
        });
        for (const { Key = '', Value, SyncCount = 0 } of Records)
          seen.set(Key, { value: Value, syncCount: SyncCount });
        return 'stored';
      } catch (error) {
        if (error instanceof ResourceConflictException) return { conflict: error.message };
        throw error;
      }
    },
    async deleteDataset() {
      await client.deleteDataset(dataset);
      seen.clear();
    },
  };
}
