import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ValueRefusedError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { Delivery } from '../../../lib/projection/delivery.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { redriveDeliveries, redriveEvent, redriveQuarantine } from '../../../lib/projection/redrive.ts';
import { createQuarantineStore } from '../../../lib/projection/store/quarantine-store.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import {
  type FetchPayload,
  PayloadRefusedError,
  PayloadUnavailableError,
} from '../../../lib/stream/ports/fetch-payload.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import {
  deliver,
  NEW_YEAR,
  readDeliveries,
  toBytes,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';

const URL_OF = 'https://bucket.s3.us-east-1.amazonaws.com/';
/** Creates an event with an offloaded payload: the record `key` is fetched from the URL that ends with `key`. */
const offloaded = (key: string, arrivedAt = NEW_YEAR + 1000) =>
  deliver(
    toBytes(
      wireEvent({ payloadType: 'S3Url', kinesisSyncRecords: null, kinesisSyncRecordsURL: URL_OF + key }),
    ),
    arrivedAt,
  );
const garbage = () => deliver(Buffer.from('garbage'));
const inline = (key: string, members = {}) =>
  deliver(toBytes(wireEvent({ kinesisSyncRecords: [wireRecord({ key, ...members })] })));

const PROJECTED = { outcome: 'projected', records: 1, recordsChanged: 1 };

const served: FetchPayload = async (url) =>
  toBytes([wireRecord({ key: url.slice(URL_OF.length), value: 'behind the URL' })]);
const refusing: FetchPayload = () => Promise.reject(new PayloadRefusedError('403'));
const unavailable: FetchPayload = () => Promise.reject(new PayloadUnavailableError('503'));

describe.each(DATABASES)('redrive, which projects quarantined events again, on $name', ({ open }) => {
  let database: Database;
  let store: ReturnType<typeof createQueryStore> & ReturnType<typeof createQuarantineStore>;
  beforeAll(async () => {
    database = await open();
    store = { ...createQueryStore(database), ...createQuarantineStore(database) };
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, ['projection.datasets', 'projection.records', 'projection.quarantine']);
  });

  const project = async (deliveries: readonly Delivery[], fetchPayload: FetchPayload) =>
    projectBatch(store, await readDeliveries(deliveries, fetchPayload));
  const keys = async () =>
    (await database.query('SELECT record_key FROM query.records ORDER BY 1')).rows.map(
      (row) => row.record_key,
    );
  const waiting = async () =>
    (
      await database.query<{ reason: string }>(
        'SELECT reason FROM query.quarantine WHERE redriven_at IS NULL ORDER BY arrived_at',
      )
    ).rows.map(({ reason }) => reason);

  it('redrives one event, also with edited data, and keeps the original data in quarantine', async () => {
    await project([offloaded('a'), garbage()], refusing);
    const events = await store.readQuarantined(null, 10);
    const isGarbage = ({ reason }: { reason: string }) => reason.startsWith('not-json');
    const a = events.find((event) => !isGarbage(event))?.quarantineId ?? '';
    const b = events.find(isGarbage)?.quarantineId ?? '';
    expect(await redriveEvent({ store, fetchPayload: unavailable }, a)).toEqual({ outcome: 'unavailable' });
    expect(await redriveEvent({ store, fetchPayload: served }, a)).toEqual(PROJECTED);
    expect(await keys()).toEqual(['a']);

    const refused = await redriveEvent({ store, fetchPayload: served }, b, {
      edited: Buffer.from('{}'),
    });
    expect(refused).toEqual({ outcome: 'refused', reason: expect.stringMatching(/^not-a-cognito-event/) });
    expect(await waiting()).toEqual(['not-json: the data is not JSON in UTF-8']);
    const edited = toBytes(wireEvent({ kinesisSyncRecords: [wireRecord({ key: 'b' })] }));
    expect(await redriveEvent({ store, fetchPayload: served }, b, { edited })).toEqual(PROJECTED);
    expect(await keys()).toEqual(['a', 'b']);
    expect(await waiting()).toEqual([]);
    const found = await store.find(b);
    expect(Buffer.from(found?.delivery.data ?? []).toString()).toBe('garbage');
    expect(found?.redrivenAt).toBeGreaterThan(0);
  });

  it('keeps whether an event was projected or dismissed, and when', async () => {
    await project([inline('a', { value: '\0' }), garbage(), garbage(), garbage()], served);
    const [first = '', second = '', third = '', fourth = ''] = (await store.readQuarantined(null, 4)).map(
      ({ quarantineId }) => quarantineId,
    );
    const outcomes = async () => {
      const found = await Promise.all([first, second, third, fourth].map((id) => store.find(id)));
      return found.map((event) => [event?.isDismissed, event?.redrivenAt === null]);
    };
    const waits = [null, true];
    expect(await outcomes()).toEqual([waits, waits, waits, waits]);
    const edited = toBytes(wireEvent({ kinesisSyncRecords: [wireRecord({ key: 'b' })] }));
    await redriveEvent({ store, fetchPayload: served }, first, { edited });
    expect(await store.dismiss([first, second])).toBe(1);
    expect(await outcomes()).toEqual([[false, false], [true, false], waits, waits]);
    await redriveEvent({ store, fetchPayload: served }, second, { edited, isAgain: true });
    await redriveQuarantine({ store, fetchPayload: served, isDismissing: true });
    expect(await outcomes()).toEqual([
      [false, false],
      [false, false],
      [true, false],
      [true, false],
    ]);
    const { rows } = await database.query(
      'SELECT dismissed, count(*) AS count FROM query.quarantine GROUP BY dismissed ORDER BY dismissed',
    );
    expect(rows).toEqual([
      { dismissed: false, count: 2 },
      { dismissed: true, count: 2 },
    ]);
  });

  it('does not dismiss an event that an operator projected after redrive had read it', async () => {
    await project([offloaded('a')], refusing);
    const id = (await store.readQuarantined(null, 1))[0]?.quarantineId ?? '';
    const edited = toBytes(wireEvent({ kinesisSyncRecords: [wireRecord({ key: 'b' })] }));
    const editing: FetchPayload = async (url) => {
      await redriveEvent({ store, fetchPayload: served }, id, { edited });
      return refusing(url);
    };
    await redriveQuarantine({ store, fetchPayload: editing, isDismissing: true });
    expect(await store.find(id)).toMatchObject({ isDismissed: false });
  });

  it('projects a redriven event again only if requested, and reports that rows as new as the event stay unchanged', async () => {
    await project([garbage()], served);
    const id = (await store.readQuarantined(null, 1))[0]?.quarantineId ?? '';
    const redrive = (value: string, members: object, isAgain?: boolean) => {
      const edited = toBytes(
        wireEvent({ kinesisSyncRecords: [wireRecord({ key: 'b', value, ...members })] }),
      );
      return redriveEvent({ store, fetchPayload: served }, id, { edited, isAgain });
    };
    const values = async () =>
      (await database.query('SELECT record_value FROM query.records')).rows.map((row) => row.record_value);
    expect(await redrive('typo', {})).toEqual(PROJECTED);
    expect(await redrive('right', { syncCount: 100 })).toEqual({ outcome: 'settled' });
    expect(await redrive('right', {}, true)).toEqual({ ...PROJECTED, recordsChanged: 0 });
    expect(await values()).toEqual(['typo']);
    expect(await redrive('right', { syncCount: 100 }, true)).toEqual(PROJECTED);
    expect(await values()).toEqual(['right']);
  });

  it('dismisses an event only once, and finds no event for an unknown id', async () => {
    await project([garbage(), garbage(), inline('a')], served);
    const ids = (await store.readQuarantined(null, 10)).map(({ quarantineId }) => quarantineId);
    const unknown = '00000000-0000-4000-8000-000000000000';
    expect(await store.dismiss([...ids.slice(0, 1), unknown])).toBe(1);
    expect(await store.dismiss(ids)).toBe(1);
    expect(await waiting()).toEqual([]);
    expect(await store.find(unknown)).toBeNull();
    expect(await redriveEvent({ store, fetchPayload: served }, unknown)).toEqual({ outcome: 'not-found' });
  });

  it('projects the events that it can project, and marks them as redriven; each other event keeps its reason', async () => {
    await project([offloaded('a'), garbage(), offloaded('b')], refusing);
    expect(await keys()).toEqual([]);

    const outcome = await redriveQuarantine({ store, fetchPayload: served });
    expect(outcome).toEqual({ projected: 2, unavailable: 0, refused: new Map([['not-json', 1]]) });
    expect(await keys()).toEqual(['a', 'b']);
    expect(await waiting()).toEqual(['not-json: the data is not JSON in UTF-8']);

    const again = await redriveQuarantine({ store, fetchPayload: served });
    expect(again).toEqual({ projected: 0, unavailable: 0, refused: new Map([['not-json', 1]]) });
  });

  it('dismisses events that cannot be projected, if requested, but not events with unavailable payloads', async () => {
    await project([garbage(), offloaded('a'), offloaded('b'), offloaded('c')], refusing);
    const some: FetchPayload = (url) => {
      if (url.endsWith('a')) return served(url);
      return url.endsWith('b') ? refusing(url) : unavailable(url);
    };
    const outcome = await redriveQuarantine({ store, fetchPayload: some, isDismissing: true });
    expect(outcome).toEqual({
      projected: 1,
      unavailable: 1,
      refused: new Map([
        ['not-json', 1],
        ['offloaded-payload', 1],
      ]),
    });
    expect(await keys()).toEqual(['a']);
    expect(await waiting()).toEqual(['offloaded-payload: 403']);
    const dismissed = 'SELECT reason FROM query.quarantine WHERE redriven_at IS NOT NULL ORDER BY reason';
    expect((await database.query(dismissed)).rows[0]).toEqual({
      reason: 'not-json: the data is not JSON in UTF-8',
    });
    const again = await redriveQuarantine({ store, fetchPayload: served, isDismissing: true });
    expect(again).toEqual({ projected: 1, unavailable: 0, refused: new Map() });
  });

  it('leaves an event in quarantine while its payload is unavailable, and updates the reason when the payload is refused', async () => {
    await project([offloaded('a')], refusing);
    expect(await redriveQuarantine({ store, fetchPayload: unavailable })).toMatchObject({ unavailable: 1 });
    expect(await waiting()).toEqual(['offloaded-payload: 403']);
    const gone: FetchPayload = () => Promise.reject(new PayloadRefusedError('404'));
    expect(await redriveQuarantine({ store, fetchPayload: gone })).toMatchObject({
      refused: new Map([['offloaded-payload', 1]]),
    });
    expect(await waiting()).toEqual(['offloaded-payload: 404']);
  });

  it('updates the reason if the database rejects a value', async () => {
    await project([offloaded('a')], refusing);
    const strict = {
      ...store,
      apply: () => Promise.reject(new ValueRefusedError('the database refused a value (SQLSTATE 54000)')),
    };
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await redriveQuarantine({ store: strict, fetchPayload: served })).toEqual({
        projected: 0,
        unavailable: 0,
        refused: new Map([['value-refused', 1]]),
      });
      expect(await waiting()).toEqual(['value-refused: the database refused a value (SQLSTATE 54000)']);
    }
  });

  it('does not overwrite newer values', async () => {
    await project([offloaded('a')], refusing);
    await project([inline('a', { value: 'newer', syncCount: 2 })], refusing);
    expect(await redriveQuarantine({ store, fetchPayload: served })).toMatchObject({ projected: 1 });
    expect((await database.query('SELECT record_value FROM query.records')).rows).toEqual([
      { record_value: 'newer' },
    ]);
  });

  it('processes each event of a large quarantine once, even if many arrived at the same time', async () => {
    const many = Array.from({ length: 130 }, (_, index) =>
      offloaded(`key ${index}`, NEW_YEAR + Math.floor(index / 60)),
    );
    await project([...many, garbage()], refusing);
    const seen: string[] = [];
    const counting: FetchPayload = (url) => {
      seen.push(url);
      return url.endsWith('7') ? unavailable(url) : served(url);
    };
    expect(await redriveQuarantine({ store, fetchPayload: counting })).toEqual({
      projected: 117,
      unavailable: 13,
      refused: new Map([['not-json', 1]]),
    });
    expect(new Set(seen).size).toBe(130);
    expect(seen).toHaveLength(130);
    expect(await keys()).toHaveLength(117);
  });

  it('projects deliveries that an event source mapping discarded, and quarantines unreadable deliveries', async () => {
    const deliveries = [inline('a'), garbage(), offloaded('b'), offloaded('c')];
    const some: FetchPayload = (url) => (url.endsWith('c') ? unavailable(url) : served(url));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await redriveDeliveries(deliveries, { store, fetchPayload: some })).toEqual({
        projected: 2,
        unavailable: 1,
        refused: new Map([['not-json', 1]]),
      });
    }
    expect(await keys()).toEqual(['a', 'b']);
    expect(await waiting()).toHaveLength(1);
  });

  it('limits the bytes of payloads in memory, and projects all events', async () => {
    const deliveries = ['a', 'b', 'c', 'd', 'e'].map((key) => offloaded(key));
    const written: number[] = [];
    const counting = {
      ...store,
      apply: (changes: Parameters<typeof store.apply>[0]) => {
        written.push(changes.reduce((sum, change) => sum + change.records.length, 0));
        return store.apply(changes);
      },
    };
    const { length } = await served(`${URL_OF}a`);
    const deps = { store: counting, fetchPayload: served, maxBytes: length + 1 };
    expect(await redriveDeliveries([...deliveries, garbage()], deps)).toEqual({
      projected: 5,
      unavailable: 0,
      refused: new Map([['not-json', 1]]),
    });
    expect(written).toEqual([2, 2, 1]);
    expect(await keys()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
