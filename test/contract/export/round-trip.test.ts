import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { SINGLE_ROWS } from '../../../lib/export/store/service-tables.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { fillService } from '../../fixtures/export/fill-service.ts';
import { exportedLines, importText, runExport } from '../../fixtures/export/run-export.ts';
import { serviceSteps, takeSteps } from '../../fixtures/export/service-steps.ts';
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

  it('contains all tables, and is the same after an import', async () => {
    const { guest } = await fillService(source);
    const text = await runExport({ database: source }, '--service');
    const lines = text.split('\n').slice(1, -2);
    for (const { name } of SINGLE_ROWS) expect(lines.join('\n')).toContain(`"table":"${name}"`);

    const printed = await importText({ database: target }, text);
    expect(printed[0]).toMatch(/^2 identity pools, 3 identities, 2 datasets, 3 records$/);
    expect(await exportedLines(target)).toEqual(lines);

    // The usage, which is not in the export, is correct, and clients can continue.
    const usages = (database: Database) =>
      createPoolStore(database).listPoolUsages({ after: '', limit: null });
    expect(await usages(target)).toEqual(await usages(source));
    const device = createDevice(createSyncService(target).operations, { identityId: guest });
    expect((await device.update(put('score', '44', 4))).Records).toMatchObject([{ SyncCount: 5 }]);
  });

  it('is the same after an import, for any sequence of changes', async () => {
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
