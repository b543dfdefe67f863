import { NEW_YEAR, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import type { Unreadable } from './plan.ts';
import type { Rows } from './rows.ts';

type Wire = ReturnType<typeof wireEvent>;

const DAY_MS = 24 * 60 * 60 * 1000;

/** A value that the database of these tests rejects. */
export const REFUSED_VALUE = 'refused';

/** Events that can never be projected, and the reason in quarantine. */
export const UNREADABLE: Record<Unreadable, () => { data: string; refusal: RegExp }> = {
  garbage: () => ({ data: 'garbage', refusal: /^not-json: / }),
  fromTheFuture: () => ({
    data: JSON.stringify(wireEvent({ lastModifiedDate: NEW_YEAR + 2 * DAY_MS })),
    refusal: /^date-in-the-future: /,
  }),
  unstorable: () => ({
    data: JSON.stringify(wireEvent({ kinesisSyncRecords: [wireRecord({ value: 'a\0b' })] })),
    refusal: /^unstorable-text: /,
  }),
  refusedValue: () => ({
    data: JSON.stringify(
      wireEvent({ datasetName: 'refused', kinesisSyncRecords: [wireRecord({ value: REFUSED_VALUE })] }),
    ),
    refusal: /^value-refused: the database refused a value \(SQLSTATE 22012\)$/,
  }),
  foreignUrl: () => ({
    data: JSON.stringify(
      wireEvent({
        kinesisSyncRecords: null,
        payloadType: 'S3Url',
        kinesisSyncRecordsURL: 'https://example.com/payload',
      }),
    ),
    refusal: /^offloaded-payload: the host is not an S3 endpoint of us-east-1$/,
  }),
};

/** Events of a dataset that is removed by an event without a version, and then recreated. */
export const UNDATED: Wire[] = [
  undatedEvent(1, ['old', 'both']),
  {
    ...undatedEvent(2, []),
    operation: 'remove',
    kinesisSyncRecords: null,
    lastModifiedDate: null,
    syncCount: null,
  },
  undatedEvent(3, ['both', 'new']),
];

function undatedEvent(syncCount: number, keys: string[]): Wire {
  const version = { syncCount, lastModifiedDate: NEW_YEAR + syncCount };
  const kinesisSyncRecords = keys.map((key) => wireRecord({ key, value: `${syncCount}`, ...version }));
  return wireEvent({ datasetName: 'undated', kinesisSyncRecords, ...version });
}

/** Adds the row of a dataset whose records are rejected. The projection writes this row before the records. */
export function addRefusedDataset({ datasets }: Rows): void {
  const { identityPoolId, identityId, lastModifiedDate } = wireEvent();
  datasets[`${identityPoolId}/${identityId}/refused`] = {
    deleted: false,
    records: 0,
    syncCount: 1,
    lastModified: Number(lastModifiedDate),
  };
}
