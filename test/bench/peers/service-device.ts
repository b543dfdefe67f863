import { localSigner } from '../../fixtures/wire/signing.ts';
import type { Connection, HttpRequest } from './connection.ts';
import { type Device, perDataset, recordKeys } from './device.ts';

const POOL = 'us-east-1:00000000-0000-4000-8000-000000000001';

/** Creates a device of the service, or of the bare endpoint, which has the same paths and ignores signatures. */
export function createServiceDevice({ port, send }: Connection, name: string): Device {
  const signer = localSigner('cognito-sync');
  const identity = `us-east-1:dddddddd-0000-4000-8000-${name.padStart(12, '0')}`;
  const pathOf = (dataset: string) =>
    `/identitypools/${encodeURIComponent(POOL)}/identities/${encodeURIComponent(identity)}/datasets/${dataset}`;

  async function sign(
    method: string,
    path: string,
    query: Record<string, string>,
    body: string,
  ): Promise<HttpRequest> {
    const headers = { host: `127.0.0.1:${port}`, 'content-type': 'application/json' };
    const request = { method, protocol: 'http:', hostname: '127.0.0.1', port, path, query, headers, body };
    const signed = await signer.sign(request);
    const search = new URLSearchParams(query).toString();
    return { method, path: search ? `${path}?${search}` : path, headers: signed.headers, body };
  }

  /** Returns the dataset's sync count, and a session token for one update. The bare endpoint has no tokens. */
  async function list(dataset: string): Promise<{ count: number; token: string }> {
    const request = await sign('GET', `${pathOf(dataset)}/records`, { lastSyncCount: '0' }, '');
    const { DatasetSyncCount, SyncSessionToken = 'none' } = JSON.parse(await send(request));
    return { count: Number(DatasetSyncCount), token: SyncSessionToken };
  }

  const countRecords = (response: string): number => JSON.parse(response).Records.length;
  return {
    preparePushes: () =>
      perDataset(async (dataset) => {
        const { count, token } = await list(dataset);
        const RecordPatches = recordKeys().map((Key) => ({
          Op: 'replace',
          Key,
          Value: `value ${count}`,
          SyncCount: count,
        }));
        const body = JSON.stringify({ SyncSessionToken: token, RecordPatches });
        return sign('POST', pathOf(dataset), {}, body);
      }),
    preparePulls: () =>
      perDataset(async (dataset) => {
        const { count } = await list(dataset);
        return sign('GET', `${pathOf(dataset)}/records`, { lastSyncCount: String(count - 1) }, '');
      }),
    countWritten: countRecords,
    countRead: countRecords,
  };
}
