import { randomUUID } from 'node:crypto';
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  MergeDeveloperIdentitiesCommand,
} from '@aws-sdk/client-cognito-identity';
import {
  BulkPublishCommand,
  type CognitoSyncClient,
  RegisterDeviceCommand,
  SubscribeToDatasetCommand,
} from '@aws-sdk/client-cognito-sync';
import type { KinesisClient } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createReconcileStore } from '../../lib/backfill/store/reconcile-store.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { datasetId, identityRowId } from '../../lib/database/row-ids.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { createPlayerPool, logInAtBackend } from '../clients/player-pool.ts';
import { localKinesis, putAll } from '../fixtures/aws/kinesis.ts';
import { readEvents } from '../fixtures/aws/read-stream.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { freePort } from '../fixtures/local/free-port.ts';
import { CLOUDS } from '../fixtures/local/local-cloud.ts';
import { operate } from '../fixtures/local/operator.ts';
import { deliver, toBytes, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import { createSyncClient, list, remove, set, write } from '../fixtures/wire/sync-client.ts';

const OWN_PROVIDER = 'cognito-identity.amazonaws.com';
const USER = 'ada-lovelace@example.com';
const OTHER_USER = 'ada-at-school@example.com';
const TOKEN = 'secret-device-token';
const WAIT = { timeout: 30_000, interval: 100 };

interface ColumnRow {
  table_name: string;
  column_name: string;
  data_type: string;
}

/** All columns of all tables of all schemas, as the catalog of the database lists them. */
const COLUMNS = `
SELECT columns.table_schema || '.' || columns.table_name AS table_name, column_name, data_type
FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_type = 'BASE TABLE' AND columns.table_schema NOT IN ('pg_catalog', 'information_schema')`;

describe.each(CLOUDS)('the erasure of a person, $name', ({ name, open }) => {
  let cloud: LocalCloud;
  let developer: CognitoSyncClient;
  let identities: CognitoIdentityClient;
  let kinesis: KinesisClient;
  let IdentityPoolId: string;
  const clients: CognitoSyncClient[] = [];

  beforeAll(async () => {
    cloud = await open();
    developer = createSyncClient(cloud.url);
    identities = new CognitoIdentityClient({
      region: 'us-east-1',
      endpoint: cloud.url,
      credentials: { ...DEFAULT_CREDENTIALS },
    });
    kinesis = localKinesis(cloud.url);
    IdentityPoolId = await createPlayerPool(cloud.url);
  });
  afterAll(async () => {
    for (const client of [developer, identities, kinesis, ...clients]) client.destroy();
    await cloud.close();
  });

  /** Reads all columns. @returns a function that finds the columns that contain a text, as text, in binary or as a UUID */
  async function readColumns(): Promise<(text: string) => string[]> {
    const columns = await cloud.database.query<ColumnRow>(COLUMNS);
    expect(columns.rows.length).toBeGreaterThan(100);
    // One statement reads all columns. A statement per column and text would take a hundred times the CPU time.
    const reads = columns.rows.map(({ table_name: table, column_name: column, data_type: type }) => {
      const text = type === 'bytea' ? `encode("${column}", 'escape')` : `"${column}"::text`;
      return `SELECT '${table}.${column}' AS name, string_agg(${text}, chr(10)) AS content FROM ${table}`;
    });
    const { rows } = await cloud.database.query<{ name: string; content: string | null }>(
      reads.join(' UNION ALL '),
    );
    return (text) =>
      rows
        .filter(({ content }) => content?.includes(text))
        .map(({ name }) => name)
        .sort();
  }

  async function logIn(IdentityId: string, Token?: string) {
    const Logins = Token === undefined ? {} : { [OWN_PROVIDER]: Token };
    const { Credentials, IdentityId: own = '' } = await identities.send(
      new GetCredentialsForIdentityCommand({ IdentityId, Logins }),
    );
    const { AccessKeyId = '', SecretKey = '', SessionToken = '' } = Credentials ?? {};
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretKey, sessionToken: SessionToken };
    const client = createSyncClient(cloud.url, { credentials });
    clients.push(client);
    return { client, identity: { IdentityPoolId, IdentityId: own } };
  }

  const countRecords = async (identityId: string) => {
    const sql = 'SELECT count(*) AS records FROM query.records WHERE identity_id = $1';
    return (await cloud.database.query<{ records: number }>(sql, [identityId])).rows[0]?.records;
  };
  const erase = async (identityId: string, ...more: string[]) => {
    const service = { AWS_ENDPOINT_URL: cloud.url, DATABASE_URL: cloud.sqlUrl };
    const env = name === 'embedded' ? { DATA_DIR: cloud.dataDir } : service;
    const line = ['erase', '--pool', IdentityPoolId, '--identity', identityId, '--json', ...more];
    const { code, stdout, stderr } = await operate(line, env);
    return { code, receipt: JSON.parse(stdout || '{}'), stdout, stderr };
  };

  it('leaves no row that identifies the person or grants access, not even after late events', {
    timeout: 120_000,
  }, async () => {
    const { database } = cloud;
    // A guest writes and logs in. Then the backend learns that this user is a person who already has an identity, and
    // merges the two identities.
    const { IdentityId: guestId = '' } = await identities.send(new GetIdCommand({ IdentityPoolId }));
    const guest = await logIn(guestId);
    await write(guest.client, guest.identity, 'diary', [set('guest-key', 'guest-value')]);
    const { IdentityId: personId, Token } = await logInAtBackend(cloud.url, { IdentityPoolId, user: USER });
    await logInAtBackend(cloud.url, { IdentityPoolId, IdentityId: guestId, user: OTHER_USER });
    const merge = new MergeDeveloperIdentitiesCommand({
      IdentityPoolId,
      DeveloperProviderName: 'login.example.com',
      SourceUserIdentifier: OTHER_USER,
      DestinationUserIdentifier: USER,
    });
    expect((await identities.send(merge)).IdentityId).toBe(personId);
    const person = await logIn(personId, Token);

    const { client, identity } = person;
    await write(client, identity, 'game', [set('own-key', 'own-value'), set('gone-key', 'gone-value')]);
    await write(client, identity, 'game', [remove('gone-key', 1)]);
    const bulk = Array.from({ length: 1_000 }, (_, index) =>
      set(`bulk-key ${index}`, 'bulk-value '.padEnd(1_000, 'x')),
    );
    await write(client, identity, 'large', bulk);
    const device = { ...identity, Platform: 'APNS' as const, Token: TOKEN };
    const { DeviceId = '' } = await client.send(new RegisterDeviceCommand(device));
    await client.send(new SubscribeToDatasetCommand({ ...identity, DatasetName: 'game', DeviceId }));
    const { DatasetSyncCount } = await list(client, identity, 'game');
    expect(DatasetSyncCount).toBe(2);

    const { IdentityId: otherId, Token: otherToken } = await logInAtBackend(cloud.url, {
      IdentityPoolId,
      user: 'bob',
    });
    const other = await logIn(otherId, otherToken);
    await write(other.client, other.identity, 'game', [set('other-key', 'other-value')]);

    await developer.send(new BulkPublishCommand({ IdentityPoolId }));
    await expect.poll(() => countRecords(personId), WAIT).toBe(1 + 1 + 1_000);
    const published = async () =>
      (await database.query('SELECT 1 FROM sync.bulk_publishes WHERE completed_ms IS NOT NULL')).rows.length;
    await expect.poll(published, WAIT).toBe(1);

    // Adds the rows of the person that a crash or an operator may leave behind.
    const key = { identityPoolId: IdentityPoolId, identityId: personId };
    const badEvent = wireEvent({ ...key, kinesisSyncRecords: [wireRecord({ key: 'quarantined-key' })] });
    const refused = { ...deliver(toBytes(badEvent)), kind: 'refused' as const, reason: 'test', ...key };
    await createQueryStore(database).quarantine([refused]);
    await database.query(
      `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts, parked_reason)
       VALUES ($1, $2, $3, now(), 9, 'test')`,
      [randomUUID(), personId, JSON.stringify(badEvent)],
    );
    const reconciliations = createReconcileStore(database);
    const { startedAt } = await reconciliations.beginReconciliation(IdentityPoolId, 1, { restart: false });
    const after = { identityId: personId, datasetName: 'game' };
    await reconciliations.saveReconciliation(IdentityPoolId, { startedAt, after, compared: 1, repaired: 0 });
    await database.query('UPDATE sync.bulk_publishes SET last_identity_id = $1', [personId]);

    const traces = [
      ...[guestId, personId, USER, OTHER_USER, DeviceId],
      ...[
        'guest-key',
        'guest-value',
        'own-key',
        'own-value',
        'gone-key',
        'bulk-key',
        'bulk-value',
        'quarantined-key',
      ],
    ];
    const columnsWith = await readColumns();
    for (const trace of traces) expect([trace, columnsWith(trace)]).not.toEqual([trace, []]);
    const hashes = [identityRowId(key), datasetId({ ...key, datasetName: 'game' })] as const;
    for (const hash of hashes) expect(columnsWith(hash)).not.toEqual([]);

    const dryRun = await erase(personId, '--dry-run');
    expect(dryRun).toMatchObject({
      code: 0,
      receipt: {
        isDryRun: true,
        mergedIdentities: [guestId],
        found: {
          queryStore: { quarantined: 1 },
          tables: { identities: 2, logins: 2, devices: 1, unpublishedEvents: 1 },
        },
      },
    });
    expect(dryRun.receipt.found.tables.payloads).toBeGreaterThan(0);
    expect((await readColumns())('own-value')).not.toEqual([]);

    const events = (await readEvents(kinesis, 'cognito-sync')).filter(
      ({ partitionKey }) => partitionKey === guestId || partitionKey === personId,
    );
    const payloadUrl = String(
      events.find(({ event }) => event.payloadType === 'S3Url')?.event.kinesisSyncRecordsURL,
    );
    expect((await fetch(payloadUrl)).status).toBe(200);

    const erased = await erase(personId, '--yes');
    expect(erased).toMatchObject({
      code: 1,
      receipt: { isComplete: false, mergedIdentities: [guestId], remains: [{ kind: 'stream' }] },
    });
    expect(new Set(Object.values(erased.receipt.left.tables))).toEqual(new Set([0]));
    expect(erased.stdout).not.toMatch(/-key|-value|ada-/);

    const findTraces = (columnsWith: (text: string) => string[]) =>
      [...traces, TOKEN]
        .map((trace) => ({ trace, columns: columnsWith(trace) }))
        .filter(({ columns }) => columns.length > 0);
    const columnsAfter = await readColumns();
    expect(findTraces(columnsAfter)).toEqual([]);
    // Only the hash of the identity remains, so that late events and old tokens are rejected. The identity's id cannot
    // be computed from the hash. The hash of the dataset does not remain.
    expect(columnsAfter(hashes[0])).toEqual(['projection.erased_identities.identity_row_id']);
    expect(columnsAfter(hashes[1])).toEqual([]);

    // Nothing grants access any more.
    const notAuthorized = { name: 'NotAuthorizedException' };
    expect((await fetch(payloadUrl)).status).toBe(404);
    for (const { client: old, identity: mine } of [guest, person]) {
      await expect(list(old, mine, 'game')).rejects.toMatchObject(notAuthorized);
      await expect(write(old, mine, 'game', [set('late-key', 'late')])).rejects.toMatchObject(notAuthorized);
    }
    await expect(logIn(personId, Token)).rejects.toMatchObject(notAuthorized);
    await expect(logIn(guestId, Token)).rejects.toMatchObject(notAuthorized);
    await expect(logIn(guestId)).rejects.toMatchObject(notAuthorized);

    // Every event of the person is delivered again, and also an event that is newer than the erasure.
    const late = wireEvent({
      ...key,
      lastModifiedDate: Date.now(),
      syncCount: 99,
      kinesisSyncRecords: [wireRecord({ key: 'own-key', value: 'own-value' })],
    });
    const marker = wireEvent({ identityPoolId: IdentityPoolId, identityId: otherId, datasetName: 'marker' });
    await putAll(kinesis, [...events.map(({ event }) => event), late, marker]);
    await expect.poll(() => countRecords(otherId), WAIT).toBe(2);
    expect(findTraces(await readColumns())).toEqual([]);
    expect((await database.query('SELECT reason FROM query.quarantine')).rows).toEqual([]);

    // The other person is not affected, and the erased person can start again.
    expect((await list(other.client, other.identity, 'game')).Records).toMatchObject([{ Key: 'other-key' }]);
    const again = await logInAtBackend(cloud.url, { IdentityPoolId, user: USER });
    expect([guestId, personId]).not.toContain(again.IdentityId);
    const returned = await logIn(again.IdentityId, again.Token);
    expect((await list(returned.client, returned.identity, 'game')).Records).toEqual([]);
  });

  it('goes through the API if the tables of the service are in another database', async () => {
    const { IdentityId, Token } = await logInAtBackend(cloud.url, { IdentityPoolId, user: 'carol' });
    const { client, identity } = await logIn(IdentityId, Token);
    await write(client, identity, 'game', [set('key', 'value')]);
    const DATABASE_URL = await createPostgresDatabase();
    const eraseAt = async (AWS_ENDPOINT_URL: string, id: string) => {
      const line = ['erase', '--pool', IdentityPoolId, '--identity', id, '--json', '--yes'];
      const { code, stdout } = await operate(line, { DATABASE_URL, AWS_ENDPOINT_URL });
      return { code, receipt: JSON.parse(stdout) };
    };

    const unreachable = await eraseAt(`http://127.0.0.1:${await freePort()}`, IdentityId);
    expect(unreachable.code).toBe(1);
    expect(unreachable.receipt.remains).toContainEqual({
      kind: 'service',
      until: null,
      message: expect.stringContaining('cannot be reached'),
    });
    expect((await list(client, identity, 'game')).Records).toHaveLength(1);

    const remains = [{ kind: 'other-database' }, { kind: 'stream' }];
    expect(await eraseAt(cloud.url, IdentityId)).toMatchObject({
      code: 1,
      receipt: { found: { tables: null, datasetsAtService: 1 }, left: { datasetsAtService: 0 }, remains },
    });
    await expect(list(client, identity, 'game')).rejects.toMatchObject({ name: 'NotAuthorizedException' });
    // An identity that does not exist counts as deleted.
    for (const id of [IdentityId, `us-east-1:${randomUUID()}`]) {
      expect((await eraseAt(cloud.url, id)).receipt).toMatchObject({
        found: { datasetsAtService: 0 },
        remains,
      });
    }
  });
});
