import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { plainArray } from '../../../lib/database/array-literal.ts';
import type { Database } from '../../../lib/database/database.ts';
import { identityRowId } from '../../../lib/database/row-ids.ts';
import { copyPool } from '../../../lib/move/copy.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { importText, runExport } from '../../fixtures/export/run-export.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { listingOf, scriptedOrigin } from '../move/scripted-origin.ts';

const MINUTE_MS = 60_000;

describe.each(SERVERS)('an import of a pool that is being migrated, $name', ({ open }) => {
  let source: Database;
  let target: Database;
  beforeAll(async () => {
    source = await open();
    target = await open();
  });
  afterAll(async () => {
    await source.close();
    await target.close();
  });
  beforeEach(async () => {
    await deleteAllRows(source);
    await deleteAllRows(target);
  });

  const idOf = (number: number) => `us-east-1:00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  async function copy(database: Database, origin: ReturnType<typeof scriptedOrigin>, at: number) {
    let now = at;
    const sleep = async (ms: number) => {
      now += ms;
    };
    const store = createMoveStore(database, { offloading: null, now: () => now });
    const deps = { origin, store, limits: DEFAULT_LIMITS, sleep, now: () => now, maxCallsPerSecond: 1_000 };
    return copyPool(deps, { identityPoolId: POOL, holder: 'test' });
  }

  it('reports that events of the origin may be missing (a gap) until the next copy, which compares everything again', async () => {
    const [copied, late] = [idOf(1), idOf(2)];
    const before = { [copied]: { game: listingOf(1, 2) }, [late]: { game: listingOf(1) } };
    expect(await copy(source, scriptedOrigin(POOL, before), NEW_YEAR)).toMatchObject({ end: 'finished' });
    // The export finds a second copy in progress, whose saved position is after all identities.
    await source.query(
      `UPDATE move.pools SET progress = replace(replace(progress, '"done"', '"data"'), '"position":null', $2)
       WHERE identity_pool_id = $1`,
      [POOL, `"position":"${idOf(9)}"`],
    );
    const exportedAt = NEW_YEAR + 60 * MINUTE_MS;
    const text = await runExport({ database: source, now: () => exportedAt }, '--service');
    const importedAt = exportedAt + 60 * MINUTE_MS;
    await importText({ database: target, now: () => importedAt }, text);

    const store = createMoveStore(target, { offloading: null, now: () => importedAt });
    expect(await store.readPool(POOL, importedAt)).toMatchObject({
      progress: { phase: 'done', position: null, counts: { copied: 2 } },
      gapSince: exportedAt - 5 * MINUTE_MS,
    });
    const after = { [copied]: { game: listingOf(1, 3) }, [late]: { game: listingOf(1, 2) } };
    const outcome = await copy(target, scriptedOrigin(POOL, after), importedAt + 1);
    expect(outcome).toMatchObject({ end: 'finished', counts: { copied: 2, records: 2 } });
    const { rows } = await store.readDataset({
      identityPoolId: POOL,
      identityId: copied,
      datasetName: 'game',
    });
    expect(rows.map(({ syncCount }) => syncCount)).toEqual([1, 3]);
    expect((await store.readPool(POOL, importedAt))?.gapSince).toBeNull();
  });

  it('keeps a gap that started before the export', async () => {
    await createPool(source);
    await source.query(
      `INSERT INTO move.pools (identity_pool_id, origin, run_ms, progress, gap_since_ms) VALUES ($1, 'o', 1, '{}', 7)`,
      [POOL],
    );
    await importText({ database: target }, await runExport({ database: source }, '--service'));
    const store = createMoveStore(target, { offloading: null, now: Date.now });
    expect(await store.readPool(POOL, 0)).toMatchObject({ progress: { phase: 'done' }, gapSince: 7 });
  });

  it('adds the pool to the migrations, whose streams are followed, only after everything is imported', async () => {
    await createPool(source);
    await source.query(
      `INSERT INTO move.pools (identity_pool_id, origin, run_ms, progress) VALUES ($1, 'o', 1, '{}')`,
      [POOL],
    );
    const count = 5_000;
    for (let from = 0; from < count; from += 2_500) {
      const ids = Array.from({ length: 2_500 }, (_, index) =>
        identityRowId({ identityPoolId: POOL, identityId: idOf(from + index) }),
      );
      await source.query(
        'INSERT INTO move.identities (identity_row_id, identity_pool_id) SELECT id, $1 FROM unnest($2::uuid[]) AS id',
        [POOL, plainArray(ids)],
      );
    }
    const seen: unknown[] = [];
    const watched: Database = {
      ...target,
      async transaction(work) {
        const result = await target.transaction(work);
        const { rows } = await target.query<{ moving: number; moved: number; pools: number }>(
          `SELECT (SELECT count(*) FROM move.pools) AS moving, (SELECT count(*) FROM move.identities) AS moved,
             (SELECT count(*) FROM sync.identity_pools) AS pools`,
        );
        seen.push(...rows.filter(({ moving }) => moving > 0));
        return result;
      },
    };
    await importText({ database: watched }, await runExport({ database: source }, '--service'));
    expect(seen.length).toBeGreaterThan(0);
    expect(seen).toEqual(seen.map(() => ({ moving: 1, moved: count, pools: 1 })));
  });
});
