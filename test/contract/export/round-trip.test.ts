import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { SINGLE_ROWS } from '../../../lib/export/store/service-tables.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { createFilledService, fillService } from '../../fixtures/export/fill-service.ts';
import { insertIdentities } from '../../fixtures/export/insert-identities.ts';
import { exportedLines, importText, runExport, withoutMigrations } from '../../fixtures/export/run-export.ts';
import { serviceSteps, takeSteps } from '../../fixtures/export/service-steps.ts';
import { signExport } from '../../fixtures/export/sign-export.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

describe.each(SERVICE_DATABASES)('an export of the service, $name', ({ open }) => {
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

  it('contains all exported tables, and an export of the importing service has the same rows', async () => {
    const { guest } = await fillService(source);
    const text = await runExport({ database: source }, '--service');
    const lines = text.split('\n').slice(1, -2);
    for (const { name } of SINGLE_ROWS) expect(lines.join('\n')).toContain(`"table":"${name}"`);

    const printed = await importText({ database: target }, text);
    expect(printed[0]).toMatch(/^2 identity pools, 3 identities, 2 datasets, 3 records$/);
    expect(withoutMigrations(await exportedLines(target))).toEqual(withoutMigrations(lines));

    // The storage usage of the pools, which is not in the export, is correct, and clients can continue.
    const usages = (database: Database) =>
      createPoolStore(database).listPoolUsages({ after: '', limit: null });
    expect(await usages(target)).toEqual(await usages(source));
    const device = createDevice(createSyncService(target).operations, { identityId: guest });
    expect((await device.update(put('score', '44', 4))).Records).toMatchObject([{ SyncCount: 5 }]);
  });

  it('can be imported if identities with the maximum number of logins lose them during the export', async () => {
    const { sync } = await createFilledService(source);
    const now = () => sync.clock.now;
    await insertIdentities(source, 200, { loginsEach: 20, modifiedAt: now() });
    const text = await runExport({ database: source, now }, '--service');
    const lines = text.split('\n').slice(0, -2);
    const lost = lines.map((line) => {
      const item = JSON.parse(line);
      return item.again && item.type === 'identity' ? JSON.stringify({ ...item, logins: [] }) : line;
    });
    const loginsOf = async () =>
      (await target.query<{ count: number }>('SELECT count(*) AS count FROM identity.logins')).rows[0]?.count;
    await importText({ database: target }, text);
    expect(await loginsOf()).toBe(4_000);
    await deleteAllRows(target);
    await importText({ database: target }, signExport(lost));
    expect(await loginsOf()).toBe(0);
  });

  it('equals an export of the importing service, for any sequence of changes before the export', async () => {
    await fc.assert(
      fc
        .asyncProperty(serviceSteps, async (steps) => {
          await takeSteps(source, steps);
          const text = await runExport({ database: source }, '--service');
          await importText({ database: target }, text);
          expect(await exportedLines(target)).toEqual(text.split('\n').slice(1, -2));
        })
        .beforeEach(async () => {
          await deleteAllRows(source);
          await deleteAllRows(target);
        }),
      { numRuns: 8 },
    );
  });
});
