import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMigrate } from '../../../functions/migrate.ts';
import { createProjectStream } from '../../../functions/project-stream.ts';
import { createSweepQueryStore } from '../../../functions/sweep-query-store.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { DatabaseAddress } from '../../../lib/database/database-address.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { WRITER_ROLE } from '../../../lib/database/schema/roles.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { createQuerySweep } from '../../../lib/projection/store/query-sweep.ts';
import { createRedrivenObjects } from '../../../lib/projection/store/redriven-objects.ts';
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
beforeAll(async () => {
  const url = new URL(await createEmptyPostgresDatabase());
  server = openPg({ connectionString: url.href });
  double = await openDsqlDouble(server);
  url.searchParams.set('options', `-c role=${WRITER_ROLE}`);
  asWriter = openPg({ connectionString: url.href });
  await migrateFunction();
});
afterAll(async () => {
  await asWriter.close();
  await server.close();
});

function migrateFunction(writers = WRITERS) {
  const logger = createLogger('migrate');
  const run = createMigrate({ database: double.database, address: CLUSTER, writers, logger });
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

  it('can track bulk publishes and record gaps', async () => {
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
