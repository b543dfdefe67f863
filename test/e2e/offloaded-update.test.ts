import type { CognitoSyncClient } from '@aws-sdk/client-cognito-sync';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { localKinesis } from '../fixtures/aws/kinesis.ts';
import { readEvents } from '../fixtures/aws/read-stream.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { createSyncClient, type Identity, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

describe('an update too large for the stream', () => {
  let cloud: LocalCloud;
  let client: CognitoSyncClient;
  let kinesis: KinesisClient;

  beforeAll(async () => {
    cloud = await startCloud();
    client = createSyncClient(cloud.url);
    kinesis = localKinesis(cloud.url);
  });
  afterAll(async () => {
    kinesis.destroy();
    client.destroy();
    await cloud.close();
  });

  const records = async ({ IdentityId }: Identity) => {
    const sql = 'SELECT record_key, record_value FROM query.records WHERE identity_id = $1';
    const { rows } = await cloud.database.query<{ record_key: string; record_value: string }>(sql, [
      IdentityId,
    ]);
    return new Map(rows.map((row) => [row.record_key, row.record_value]));
  };
  const eventOf = async ({ IdentityId }: Identity) =>
    (await readEvents(kinesis, 'cognito-sync')).find(({ partitionKey }) => partitionKey === IdentityId)
      ?.event;
  const eventually = (what: () => Promise<unknown>) => expect.poll(what, { timeout: 15_000, interval: 50 });

  it('is projected completely, through a payload URL', async () => {
    const identity = newIdentity();
    const values = Array.from({ length: 1_000 }, (_, index) => `${index} ü `.padEnd(1_000, 'x'));
    await write(
      client,
      identity,
      'game',
      values.map((value, index) => set(`key ${index}`, value)),
    );
    await eventually(async () => (await records(identity)).size).toBe(1_000);
    expect(await records(identity)).toEqual(new Map(values.map((value, index) => [`key ${index}`, value])));

    const event = await eventOf(identity);
    expect(event).toMatchObject({
      operation: 'replace',
      payloadType: 'S3Url',
      syncCount: 1,
      kinesisSyncRecordsURL: expect.stringMatching(`^${cloud.url}/payloads/[0-9a-f-]{36}[?]expires=`),
    });
    expect(event).not.toHaveProperty('kinesisSyncRecords');
    const payload: unknown = await (await fetch(String(event?.kinesisSyncRecordsURL))).json();
    expect(payload).toHaveLength(1_000);
    expect((payload as unknown[])[999]).toMatchObject({
      key: 'key 999',
      value: values[999],
      syncCount: 1,
      op: 'replace',
    });
    expect((await cloud.database.query('SELECT reason FROM query.quarantine')).rows).toEqual([]);
  });

  it('is projected even if each character takes six bytes in JSON', { timeout: 30_000 }, async () => {
    const identity = newIdentity();
    const value = '\u0001'.repeat(1_000_000);
    await write(client, identity, 'game', [set('a', value)]);
    await eventually(async () => (await records(identity)).get('a') === value).toBe(true);
  });
});
