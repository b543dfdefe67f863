import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMigrate } from '../../../functions/migrate.ts';
import { createProjectStream } from '../../../functions/project-stream.ts';
import { createRelayOutbox } from '../../../functions/relay-outbox.ts';
import { createSweepQueryStore } from '../../../functions/sweep-query-store.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { DatabaseAddress } from '../../../lib/database/database-address.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { READER_ROLE, SERVICE_ROLE, WRITER_ROLE } from '../../../lib/database/schema/roles.ts';
import { createGuestSweep } from '../../../lib/identity/store/guest-sweep.ts';
import { createMergedRecords } from '../../../lib/move/store/merged-records.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createMovedRows } from '../../../lib/move/store/moved-rows.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { createQuerySweep } from '../../../lib/projection/store/query-sweep.ts';
import { createRedrivenObjects } from '../../../lib/projection/store/redriven-objects.ts';
import { createQueryReader } from '../../../lib/query/store/query-reader.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { createStreamingSwitch } from '../../../lib/sync/store/streaming-switch.ts';
import { transact } from '../../../lib/sync/store/transact.ts';
import { inProgress, openPoller, SECOND, succeeded } from '../../fixtures/backfill/publish-poller.ts';
import { createEmptyPostgresDatabase } from '../../fixtures/database/databases.ts';
import { type DsqlDouble, openDsqlDouble } from '../../fixtures/database/dsql-double.ts';
import {
  deliver,
  NEW_YEAR,
  noPayloads,
  toBytes,
  toKinesisEvent,
  wireEvent,
} from '../../fixtures/sync/stream-events.ts';

const CLUSTER: DatabaseAddress = {
  kind: 'dsql',
  host: 'abc123.dsql.us-east-1.on.aws',
  region: 'us-east-1',
  user: 'admin',
};
const WRITERS = ['arn:aws:iam::123456789012:role/project', 'arn:aws:iam::123456789012:role/poll'];
const YEARS_LATER = Date.now() + 3 * 365 * 24 * 60 * 60 * SECOND;

let server: Database;
let double: DsqlDouble;
/** The same database as the functions see it: with no permissions except those of query_writer. */
let asWriter: Database;
/** Opens the database with the permissions of a role only. */
let openAs: (role: string) => Database;
beforeAll(async () => {
  const url = new URL(await createEmptyPostgresDatabase());
  server = openPg({ connectionString: url.href });
  double = await openDsqlDouble(server);
  openAs = (role) => {
    url.searchParams.set('options', `-c role=${role}`);
    return openPg({ connectionString: url.href });
  };
  asWriter = openAs(WRITER_ROLE);
  await migrateFunction();
});
afterAll(async () => {
  await asWriter.close();
  await server.close();
});

function migrateFunction(queryStore = WRITERS, service: string[] = [], readers: string[] = []) {
  const logger = createLogger('migrate');
  const roles = { queryStore, service, readers };
  const run = createMigrate({ database: double.database, address: CLUSTER, roles, logger });
  return run({}, createLambdaContext('migrate', 'us-east-1'));
}

const mappings = async () =>
  (await server.query('SELECT pg_role_name, arn FROM sys.iam_pg_role_mappings ORDER BY arn DESC')).rows;
const count = async (table: string) =>
  (await server.query<{ count: number }>(`SELECT count(*) FROM ${table}`)).rows[0]?.count;

describe('the function migrate on an Aurora DSQL cluster', () => {
  it('maps the role of each function to query_writer once, however often it runs', async () => {
    const both = WRITERS.map((arn) => ({ pg_role_name: WRITER_ROLE, arn }));
    expect(await mappings()).toEqual(both);
    const more = 'arn:aws:iam::123456789012:role/another';
    await migrateFunction([...WRITERS, more]);
    expect(await mappings()).toEqual([...both, { pg_role_name: WRITER_ROLE, arn: more }]);
  });

  it('names the cluster and its error if the cluster rejects the mapping', async () => {
    double.refused.push(/^AWS IAM GRANT/);
    await expect(migrateFunction(['arn:aws:iam::123456789012:role/refused'])).rejects.toThrow(
      'the Aurora DSQL cluster abc123.dsql.us-east-1.on.aws returned an error (not supported',
    );
    double.refused.pop();
  });
});

describe('the role query_writer', () => {
  it('can project the stream and quarantine events', async () => {
    const handler = createProjectStream({
      store: createQueryStore(asWriter),
      fetchPayload: noPayloads,
      parallelizationFactor: 1,
      report: () => undefined,
      logger: createLogger('project-stream'),
    });
    const removal = wireEvent({ DatasetName: 'old', KinesisSyncRecords: [], LastSyncCount: 0 });
    const batch = [wireEvent(), 'garbage', removal, wireEvent()].map((event) => deliver(toBytes(event)));
    expect(await handler(toKinesisEvent(batch), createLambdaContext('project-stream', 'us-east-1'))).toEqual({
      batchItemFailures: [],
    });
    expect(await count('query.records')).toBeGreaterThan(0);
    expect(await count('query.quarantine')).toBeGreaterThan(0);
    expect(await count('query.stream_progress')).toBe(1);
  });

  it('can store bulk publishes, and gaps: periods whose removals may be missing in the query store', async () => {
    const poller = openPoller(asWriter);
    poller.pool().details = inProgress(NEW_YEAR);
    await poller.poll();
    poller.arrive(NEW_YEAR + SECOND);
    poller.clock.now = NEW_YEAR + 2 * SECOND;
    poller.pool().details = succeeded(NEW_YEAR, NEW_YEAR + SECOND);
    await poller.poll();
    await poller.project(1);
    expect((await poller.poll()).failures).toEqual([]);
    poller.pool().streaming = { isEnabled: false, streamName: null, roleArn: null };
    await poller.poll();
    poller.pool().streaming = { isEnabled: true, streamName: 'cognito-sync', roleArn: null };
    expect((await poller.poll()).failures).toEqual([]);
    expect(await count('query.bulk_publishes')).toBe(1);
    expect(await count('query.gaps')).toBe(1);
    expect(await createRedrivenObjects(asWriter).among(['s3://bucket/object'])).toEqual(new Set());
  });

  it('can sweep the query store', async () => {
    const handler = createSweepQueryStore({
      sweep: createQuerySweep(asWriter),
      logger: createLogger('sweep-query-store'),
      randomId: randomUUID,
      now: () => YEARS_LATER,
    });
    expect(await handler({}, createLambdaContext('sweep-query-store', 'us-east-1'))).toMatchObject({
      isCutShort: false,
    });
    expect(await count('query.quarantine')).toBe(0);
  });

  it.each([
    'CREATE TABLE projection.mine (a int)',
    'DROP TABLE projection.records',
    'ALTER TABLE projection.records ADD COLUMN a text',
    'TRUNCATE projection.records',
    'SELECT * FROM sync.records',
    'SELECT * FROM identity.logins',
    `CREATE ROLE mine`,
  ])('cannot run %s', async (statement) => {
    await expect(asWriter.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('can use a table added later, once the migrations have run again', async () => {
    await server.query('CREATE TABLE projection.later (a int)');
    await expect(asWriter.query('SELECT * FROM projection.later')).rejects.toMatchObject({ code: '42501' });
    await migrateFunction();
    expect((await asWriter.query('SELECT * FROM projection.later')).rows).toEqual([]);
  });
});

describe('the role service_writer', () => {
  const API = 'arn:aws:iam::123456789012:role/service-api';
  let asService: Database;
  beforeAll(async () => {
    const roles = 'SELECT 1 FROM pg_roles WHERE rolname = $1';
    const before = (await server.query(roles, [SERVICE_ROLE])).rows.length;
    await migrateFunction();
    // Another test file may have created the role, which belongs to the whole server.
    expect((await server.query(roles, [SERVICE_ROLE])).rows).toHaveLength(before);
    await migrateFunction(WRITERS, [API]);
    asService = openAs(SERVICE_ROLE);
  });
  afterAll(() => asService.close());

  it('is mapped only to the IAM roles of the service', async () => {
    expect(await mappings()).toContainEqual({ pg_role_name: SERVICE_ROLE, arn: API });
    expect(await mappings()).not.toContainEqual({ pg_role_name: SERVICE_ROLE, arn: WRITERS[0] });
    expect(await mappings()).not.toContainEqual({ pg_role_name: WRITER_ROLE, arn: API });
  });

  it('can read and change the rows of the service', async () => {
    const pools = createPoolStore(asService);
    expect(await pools.listPoolIds()).toEqual([]);
    expect(await createGuestSweep(asService).sweepStep('', Date.now())).toEqual({ swept: 0, last: null });
    const relay = createRelayOutbox({
      outbox: createOutboxStore(asService),
      publisher: { publish: async () => [] },
      streaming: createStreamingSwitch(asService),
      streamName: 'cognito-sync',
      logger: createLogger('relay-outbox'),
    });
    expect(await relay({}, createLambdaContext('relay-outbox', 'us-east-1'))).toMatchObject({ published: 0 });
  });

  it('can merge datasets and delete identities, including what the schema `move` stores about them', async () => {
    const identity = { identityPoolId: 'us-east-1:pool', identityId: 'us-east-1:identity' };
    const choose = createMergedRecords({ now: Date.now });
    const target = { ...identity, datasetName: 'game' };
    const about = { records: [], readStored: async () => null };
    expect(await transact(asService, (on) => choose(on, target, about))).toEqual([]);
    await createMovedRows(asService).erase(identity, 1);
    expect(await createMovedRows(asService).count(identity)).toMatchObject({ conflicts: 0 });
  });

  it('can follow an origin, even if its events of removals have no date', async () => {
    const position = { streamName: 'origin/s', shardId: 'shard', sequenceNumber: '1', arrivedAt: 1 };
    const version = { lastModifiedDate: 5, syncCount: 1 };
    const { keepRemovalVersion } = createQueryStore(asService);
    expect(await keepRemovalVersion(position, version)).toEqual(version);
    expect(await keepRemovalVersion(position, { ...version, lastModifiedDate: 6 })).toEqual(version);
    const store = createMoveStore(asService, { offloading: null, now: Date.now });
    await store.saveShard('origin', position);
    expect(await store.readShards('origin', 'origin/s')).toEqual(new Map([['shard', '1']]));
  });

  it.each([
    'DELETE FROM projection.dated_removals',
    'CREATE TABLE sync.mine (a int)',
    'DROP TABLE identity.identities',
    'ALTER TABLE sync.records ADD COLUMN a text',
    'SELECT * FROM projection.records',
    'DELETE FROM projection.quarantine',
  ])('cannot run %s', async (statement) => {
    await expect(asService.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('the role query_reader', () => {
  const API = 'arn:aws:iam::123456789012:role/query-api';
  let asReader: Database;
  beforeAll(async () => {
    await migrateFunction(WRITERS, [], [API]);
    asReader = openAs(READER_ROLE);
  });
  afterAll(() => asReader.close());

  it('is mapped only to the IAM role of the query API', async () => {
    const readers = (await mappings()).filter(({ pg_role_name }) => pg_role_name === READER_ROLE);
    expect(readers).toEqual([{ pg_role_name: READER_ROLE, arn: API }]);
  });

  it('can read everything that the query API reads', async () => {
    const reader = createQueryReader(asReader);
    const page = { limit: 10, after: null };
    const identity = { identityPoolId: 'pool', identityId: 'identity' };
    await reader.pools(page);
    await reader.identities('pool', page);
    await reader.datasets(identity, page);
    await reader.records({ ...identity, datasetName: 'game' }, page);
    await reader.changes(null, page);
    await reader.quarantine(page);
    await reader.bulkPublishes(page);
    await reader.gaps(page);
    await reader.progress(page);
    await reader.counts();
    const order = { by: 'number', descending: true, min: null, max: null } as const;
    const filter = { identityPoolId: null, datasetName: null };
    await expect(reader.recordsOf('level', order, filter, page)).rejects.toThrow('needs the index numeric');
  });

  it.each([
    'SELECT * FROM projection.records',
    'SELECT payload FROM projection.quarantine',
    'SELECT * FROM sync.records',
    'DELETE FROM projection.records',
  ])('cannot run %s', async (statement) => {
    await expect(asReader.query(statement)).rejects.toMatchObject({ code: '42501' });
  });
});
