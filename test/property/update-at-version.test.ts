import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { datasetId } from '../../lib/database/row-ids.ts';
import type { Limits } from '../../lib/sync/limits.ts';
import type { RecordPatch } from '../../lib/sync/model.ts';
import { createSessionTokens } from '../../lib/sync/session-token.ts';
import { createSyncStore } from '../../lib/sync/store/sync-store.ts';
import { SERVICE_DATABASES } from '../fixtures/database/databases.ts';
import { readOutboxEvents } from '../fixtures/database/outbox-rows.ts';
import { createPool } from '../fixtures/identity/identity-pools.ts';
import { NEW_YEAR, POOL } from '../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, drop, put } from '../fixtures/sync/sync-service.ts';
import { settle } from '../model/outcome.ts';
import { RUNS, TIMEOUT_MS } from './projection-database.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

/** Small enough that a few updates reach each of them. */
const LIMITS: Partial<Limits> = {
  recordsPerDataset: 3,
  datasetBytes: 14,
  rowsPerDataset: 5,
  keyBytesPerDataset: 12,
  inlineBytes: 800,
};
const KEYS = ['a', 'bé', 'c', 'd', 'eeee', 'f'];

interface Step {
  kind: 'update' | 'delete';
  /** The patches by key. `behind`: how far the patch's count is behind the count of the listing. */
  patches: Record<string, { value: string | null; behind: number }>;
  /** How many steps ago the device made its listing. */
  listedAgo: number;
  ms: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('update', 'update', 'update', 'update', 'update', 'update', 'delete'),
  patches: fc.dictionary(
    fc.constantFrom(...KEYS),
    fc.record({
      value: fc.option(fc.string({ maxLength: 6, unit: fc.constantFrom('x', 'é', '\u{1F600}') })),
      behind: fc.constantFrom(0, 0, 0, 0, 1, -1),
    }),
    { maxKeys: 4, noNullPrototype: true },
  ),
  listedAgo: fc.constantFrom(0, 0, 0, 1),
  ms: fc.integer({ min: -5, max: 5 }),
});

describe.each(SERVICE_DATABASES)('an update decided without reading the dataset, on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    await createPool(database);
  });
  afterAll(() => database.close());

  /**
   * Runs the steps on a new dataset. Returns the outcome of each step, and the dataset, its records and its events.
   * @param way what session tokens say about the dataset: its version (`known`), nothing (`unknown`) or that it does
   *   not exist (`absent`). With `read`, they name its version, but each update reads the dataset first
   */
  async function run(steps: readonly Step[], way: 'known' | 'unknown' | 'absent' | 'read'): Promise<unknown> {
    const tokens = createSessionTokens({
      keys: [Buffer.alloc(32, 7)],
      now: () => NEW_YEAR,
      randomId: randomUUID,
    });
    const begin: typeof tokens.begin = (version) => {
      const session = tokens.begin(way === 'absent' ? null : version);
      return way === 'unknown' ? { ...session, version: undefined } : session;
    };
    const store = createSyncStore(database);
    const nothing = async () => null;
    const { operations, clock } = createSyncService(database, LIMITS, undefined, {
      tokens: { ...tokens, begin },
      store: way === 'read' ? { ...store, create: nothing, updateAt: nothing } : store,
    });
    const device = createDevice(operations);
    const id = datasetId({
      identityPoolId: POOL,
      identityId: device.identity.IdentityId,
      datasetName: 'game',
    });
    const listings = [await device.list()];
    const outcomes: unknown[] = [];
    for (const { kind, patches, listedAgo, ms } of steps) {
      clock.now += ms;
      const listed = listings.at(-1 - listedAgo) ?? listings[0];
      const changes = Object.entries(patches).map(([key, { value, behind }]): RecordPatch => {
        const count = Math.max(0, (listed?.DatasetSyncCount ?? 0) - behind);
        return value === null ? drop(key, count) : put(key, value, count);
      });
      const update = () => device.updateWith(listed?.SyncSessionToken ?? '', ...changes);
      const outcome = kind === 'delete' ? await settle(device.remove) : await settle(update);
      outcomes.push(outcome);
      listings.push(await device.list());
    }
    const { rows: datasets } = await database.query(
      `SELECT sync_count, deleted_sync_count, creation_ms, last_modified_ms, last_modified_by, data_storage,
         record_count, row_count, key_bytes, counted_sync_count
       FROM sync.datasets WHERE dataset_id = $1`,
      [id],
    );
    const { rows: records } = await database.query(
      `SELECT record_key, record_value, sync_count, last_modified_ms, last_modified_by
       FROM sync.records WHERE dataset_id = $1 ORDER BY record_id`,
      [id],
    );
    const events = await readOutboxEvents(database, device.identity.IdentityId);
    const text = JSON.stringify({ outcomes, datasets, records, events });
    return JSON.parse(
      text.replaceAll(device.identity.IdentityId, 'identity').replaceAll(/"http[^"]*"/g, '"url"'),
    );
  }

  it('has the same result as one that reads the dataset first', async () => {
    // `absent`: a device has listed the dataset before another device created it.
    const others = fc.constantFrom('unknown' as const, 'absent' as const, 'read' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), others, async (steps, way) => {
        expect(await run(steps, 'known')).toEqual(await run(steps, way));
      }),
      { numRuns: RUNS },
    );
  });
});
