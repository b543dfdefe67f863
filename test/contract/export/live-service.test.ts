import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, SqlValue } from '../../../lib/database/database.ts';
import type { Key } from '../../../lib/export/ports/section.ts';
import { readSections, START } from '../../../lib/export/read-sections.ts';
import { headerLine } from '../../../lib/export/service-file.ts';
import { serviceSections } from '../../../lib/export/store/service-sections.ts';
import { createCopied } from '../../../lib/identity/store/copied-identities.ts';
import { linkDeveloperUsers } from '../../../lib/identity/store/copied-users.ts';
import { createMergeStore } from '../../../lib/sync/store/merge-store.ts';
import { transact } from '../../../lib/sync/store/transact.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { createFilledService, getId } from '../../fixtures/export/fill-service.ts';
import { importText, runExport } from '../../fixtures/export/run-export.ts';
import { signExport } from '../../fixtures/export/sign-export.ts';
import { createIdentityService, DEVELOPER_PROVIDER } from '../../fixtures/identity/identity-service.ts';
import { createDeletingService } from '../../fixtures/sync/deleting-service.ts';
import { createMerger } from '../../fixtures/sync/merges.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';
import { createSyncService, DEVELOPER, put } from '../../fixtures/sync/sync-service.ts';

const HOUR_MS = 60 * 60 * 1000;
const KEYS = ['a', 'b', 'c'];

describe.each(SERVERS)('an export of a service that is in use, $name', ({ open }) => {
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

  /**
   * Creates a service with four identities, whose data is an hour old. `change` writes to one of them, deletes one, and
   * merges the other two.
   */
  async function newService() {
    const { sync } = await createFilledService(source);
    const merge = createMerger(source, sync.clock);
    const identity = createDeletingService(source, { mergeDatasets: merge });
    const set = (now: number) => {
      identity.clock.now = now;
      sync.clock.now = now;
    };
    set(NEW_YEAR - HOUR_MS);
    const pool = await identity.newIdentityPool();
    const logIn = async (user: string) => {
      const input = { IdentityPoolId: pool, Logins: { [DEVELOPER_PROVIDER]: user } };
      return (await identity.operations.GetOpenIdTokenForDeveloperIdentity(input, DEVELOPER)).IdentityId;
    };
    const write = async (IdentityId: string, value: string, count = 0) => {
      const dataset = { IdentityPoolId: pool, IdentityId, DatasetName: 'game' };
      const { SyncSessionToken } = await sync.operations.ListRecords(dataset, DEVELOPER);
      const RecordPatches = KEYS.map((key) => put(key, value, count));
      await sync.operations.UpdateRecords({ ...dataset, SyncSessionToken, RecordPatches }, DEVELOPER);
    };
    const from = await logIn('from');
    const into = await logIn('into');
    const [doomed, writer] = [await getId(identity, pool), await getId(identity, pool)];
    for (const id of [from, into, doomed, writer]) await write(id, `old ${id}`);
    set(NEW_YEAR + 1);
    const mergeUsers = async (SourceUserIdentifier: string, DestinationUserIdentifier: string) => {
      const users = { SourceUserIdentifier, DestinationUserIdentifier };
      await identity.operations.MergeDeveloperIdentities(
        { ...users, DeveloperProviderName: DEVELOPER_PROVIDER, IdentityPoolId: pool },
        DEVELOPER,
      );
    };
    const change = async () => {
      await write(writer, 'new', 1);
      await identity.operations.DeleteIdentities({ IdentityIdsToDelete: [doomed] }, DEVELOPER);
      await mergeUsers('from', 'into');
    };
    return { pool, from, into, doomed, writer, change, logIn, mergeUsers };
  }

  /** Exports the service, and changes it before the statement with this number. */
  async function exportWhile(change: () => Promise<void>, at: number) {
    let statement = 0;
    const changing: Database = {
      ...source,
      async query<Row>(sql: string, values?: readonly SqlValue[]) {
        if (statement === at) await change();
        statement += 1;
        return source.query<Row>(sql, values);
      },
    };
    const text = await runExport({ database: changing, now: () => NEW_YEAR }, '--service');
    return { text, isChanged: statement > at };
  }

  it('contains every dataset, each change completely or not at all, and no records without their identity, regardless of when changes happen', async () => {
    // Under the rules of Aurora DSQL, the export runs the same statements, but transactions take longer, so only every
    // third statement is tested.
    const step = source.dialect === 'dsql' ? 3 : 1;
    let at = 0;
    for (let isChanged = true; isChanged; at += step) {
      await deleteAllRows(source);
      await deleteAllRows(target);
      const { pool, from, into, doomed, writer, change } = await newService();
      const exported = await exportWhile(change, at);
      isChanged = exported.isChanged;
      await importText({ database: target, now: () => NEW_YEAR + 2 }, exported.text);

      const merge = createMerger(target);
      for (const each of await createMergeStore(target).listPending(null, 100)) await merge(each);
      const { operations } = createSyncService(target);
      const valuesOf = async (IdentityId: string, DatasetName: string) => {
        const { Records } = await operations.ListRecords(
          { IdentityPoolId: pool, IdentityId, DatasetName },
          DEVELOPER,
        );
        return Records.map(({ Value }) => Value);
      };
      const identity = createIdentityService(target);
      const found = await identity.operations.LookupDeveloperIdentity(
        { IdentityPoolId: pool, DeveloperUserIdentifier: 'from' },
        DEVELOPER,
      );
      const context = `changed before statement ${at}`;
      const isMerged = found.IdentityId === into;
      expect([from, into], context).toContain(found.IdentityId);
      expect(await valuesOf(found.IdentityId ?? '', isMerged ? `game.${from}` : 'game'), context).toEqual(
        KEYS.map(() => `old ${from}`),
      );
      expect(await valuesOf(into, 'game'), context).toEqual(KEYS.map(() => `old ${into}`));
      const written = await valuesOf(writer, 'game');
      expect(written, context).toHaveLength(3);
      expect(new Set(written).size, context).toBe(1);
      const exists = await identity.operations.DescribeIdentity({ IdentityId: doomed }, DEVELOPER).then(
        () => true,
        () => false,
      );
      const { rows } = await target.query(
        'SELECT 1 FROM sync.records JOIN sync.datasets USING (dataset_id) WHERE identity_id = $1',
        [doomed],
      );
      expect(rows, context).toHaveLength(exists ? 3 : 0);
    }
    expect(at).toBeGreaterThan(15);
  }, 180_000);

  it('loses no login if two identities are merged when only the page with one of them has been read', async () => {
    await deleteAllRows(source);
    await deleteAllRows(target);
    const { pool, logIn, mergeUsers } = await newService();
    const ids = new Map<string, string>();
    for (const user of ['one', 'two']) ids.set(await logIn(user), user);
    const [first = '', second = ''] = [...ids.keys()].sort();
    const mergeLater = async () => mergeUsers(ids.get(second) ?? '', ids.get(first) ?? '');

    const lines = [headerLine({ exportId: randomUUID(), startedAt: NEW_YEAR }).trimEnd()];
    let isMerged = false;
    for await (const { section, items } of readSections(
      serviceSections(source, NEW_YEAR, { page: 1, window: 5_000 }),
      START,
    )) {
      lines.push(...items.map((item) => JSON.stringify(item)));
      const isFirst = items.some((item) => item.type === 'identity' && item.row.identity_id === first);
      if (section !== 'changed identities' || !isFirst || isMerged) continue;
      await mergeLater();
      isMerged = true;
    }
    expect(isMerged).toBe(true);
    await importText({ database: target, now: () => NEW_YEAR + 2 }, signExport(lines));
    for (const user of ids.values()) {
      const found = await createIdentityService(target).operations.LookupDeveloperIdentity(
        { IdentityPoolId: pool, DeveloperUserIdentifier: user },
        DEVELOPER,
      );
      expect(found.IdentityId).toBe(first);
    }
  });

  it('loses no developer user if `move copy` links the user to an identity that the export has already read', async () => {
    await deleteAllRows(source);
    await deleteAllRows(target);
    const { pool: identityPoolId } = await newService();
    const [first = '', second = ''] = [randomUUID(), randomUUID()].map((id) => `us-east-1:${id}`).sort();
    const provider = DEVELOPER_PROVIDER;
    const copied = (identityId: string, providers: string[]) => ({
      identityId,
      createdAt: 1,
      modifiedAt: 1,
      providers,
      isDisabled: false,
    });
    const link = (identityId: string, userIds: string[], at: number) =>
      transact(source, async (on) => {
        await linkDeveloperUsers(on, { identityPoolId, identityId, provider, userIds, at });
        return true;
      });
    await createCopied(source, identityPoolId, [copied(first, []), copied(second, [provider])], 1);
    await link(second, ['moved'], 1);

    const lines = [headerLine({ exportId: randomUUID(), startedAt: NEW_YEAR }).trimEnd()];
    let isMoved = false;
    const sections = serviceSections(source, NEW_YEAR, { page: 1, window: 5_000 });
    for await (const { items } of readSections(sections, START)) {
      lines.push(...items.map((item) => JSON.stringify(item)));
      const isFirst = items.some((item) => item.type === 'identity' && item.row.identity_id === first);
      if (!isFirst || isMoved) continue;
      await link(second, [], NEW_YEAR + 1);
      await link(first, ['moved'], NEW_YEAR + 1);
      isMoved = true;
    }
    expect(isMoved).toBe(true);
    await importText({ database: target, now: () => NEW_YEAR + 2 }, signExport(lines));
    const found = await createIdentityService(target).operations.LookupDeveloperIdentity(
      { IdentityPoolId: identityPoolId, DeveloperUserIdentifier: 'moved' },
      DEVELOPER,
    );
    expect(found.IdentityId).toBe(first);
  });

  it('reads a limited number of rows per statement, also if none of these rows has changed', async () => {
    await deleteAllRows(source);
    await newService();
    const sections = serviceSections(source, NEW_YEAR + 10 * HOUR_MS, { page: 250, window: 2 });
    for (const section of sections.filter(({ name }) => name.startsWith('changed'))) {
      let after: Key | null = null;
      let pages = 0;
      do {
        const page: Awaited<ReturnType<typeof section.readPage>> = await section.readPage(after);
        expect(page.items).toEqual([]);
        pages += 1;
        after = page.next;
      } while (after !== null);
      expect(pages, section.name).toBeGreaterThan(1);
    }
  });
});
