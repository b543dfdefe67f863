import type { KinesisStreamRecord } from 'aws-lambda';
import { toEventRecord } from '../../infra/local/event-source-mapping/kinesis-event.ts';
import type { Version } from '../../lib/stream/stream-event.ts';
import { NEW_YEAR, type wireEvent } from '../fixtures/sync/stream-events.ts';
import type { ObjectStore } from './object-store.ts';
import type { FaultPlan, Place, PlannedEvent } from './plan.ts';
import { referenceOf } from './reference.ts';
import type { Rows } from './rows.ts';
import { addRefusedDataset, UNDATED, UNREADABLE } from './special-events.ts';

type Wire = ReturnType<typeof wireEvent>;

export interface PlannedStream {
  shards: KinesisStreamRecord[][];
  rows: Rows;
  /** The events that can be projected, and the records in each of them. */
  carried: Map<KinesisStreamRecord, CarriedRecord[]>;
  /** The events that must be in quarantine, with the reason. No other events may be there. */
  quarantined: Map<KinesisStreamRecord, RegExp>;
}

/** A record named `pool/identity/dataset/key`, with the version in its event. */
interface CarriedRecord {
  name: string;
  version: Version;
}

interface Placed {
  place: Place;
  data: string;
  carries: CarriedRecord[];
  /** Pattern of the reason why the event can never be projected; null if it can be projected. */
  refusal: RegExp | null;
}

const HOUR_MS = 3_600_000;
// Has as many digits as the sequence numbers of Kinesis.
const FIRST_SEQUENCE_NUMBER = 10n ** 55n;

/** Creates the stream's records by plan, and the expected rows and quarantine. */
export function layOut(plan: FaultPlan, objects: ObjectStore): PlannedStream {
  const published = plan.history.published.map((data) => JSON.parse(data) as Wire);
  const live = published.map((wire, index) => placeEvent(wire, plan.events[index], objects));
  const unreadable = plan.unreadable.map(({ kind, place }) => ({
    place,
    carries: [],
    ...UNREADABLE[kind](),
  }));
  const undated = UNDATED.flatMap((wire, index) => {
    const rank = plan.undated?.[index];
    const [data, carries] = [JSON.stringify(wire), carriedBy(wire)];
    return rank === undefined
      ? []
      : [{ place: { shard: 0, rank, laterMs: 1 }, data, carries, refusal: null }];
  });
  const placed = [...live, ...unreadable, ...undated].sort((a, b) => a.place.rank - b.place.rank);

  const quarantined = new Map<KinesisStreamRecord, RegExp>();
  const carried = new Map<KinesisStreamRecord, CarriedRecord[]>();
  const shards = Array.from({ length: plan.shards }, (_, shard) => {
    let arrivedAt = NEW_YEAR + HOUR_MS;
    return placed
      .filter(({ place }) => place.shard % plan.shards === shard)
      .map(({ place, data, carries, refusal }, index) => {
        arrivedAt += place.laterMs;
        const record = toRecord(shard, index, data, arrivedAt);
        carried.set(record, carries);
        if (refusal) quarantined.set(record, refusal);
        return record;
      });
  });
  const projected = published.filter((_, index) => live[index]?.refusal === null);
  const rows = referenceOf([...projected, ...(plan.undated ? UNDATED : [])]);
  if (plan.unreadable.some(({ kind }) => kind === 'refusedValue')) addRefusedDataset(rows);
  return { shards, rows, carried, quarantined };
}

function placeEvent(wire: Wire, planned: PlannedEvent | undefined, objects: ObjectStore): Placed {
  if (!planned) throw new Error('an event without a plan');
  const { place, offloaded } = planned;
  const records = wire.kinesisSyncRecords;
  const carries = carriedBy(wire);
  if (!offloaded || records === null) return { place, data: JSON.stringify(wire), carries, refusal: null };
  const url = objects.put({ ...offloaded, body: JSON.stringify(records) });
  return {
    place,
    carries,
    data: JSON.stringify({
      ...wire,
      kinesisSyncRecords: null,
      payloadType: 'S3Url',
      kinesisSyncRecordsURL: url,
    }),
    refusal: {
      there: null,
      forbidden:
        /^offloaded-payload: 127\.0\.0\.1 answered 403: the link has expired or the object is gone; /,
      expired:
        /^offloaded-payload: .*, and the link has expired or has no expiry time; run `reconcile` for the pool$/,
    }[offloaded.end],
  };
}

function carriedBy(wire: Wire): CarriedRecord[] {
  const records = wire.kinesisSyncRecords as Wire[] | null;
  return (records ?? []).map(({ key, lastModifiedDate, syncCount }) => ({
    name: `${wire.identityPoolId}/${wire.identityId}/${wire.datasetName}/${key}`,
    version: { lastModifiedDate: Number(lastModifiedDate), syncCount: Number(syncCount) },
  }));
}

function toRecord(shard: number, index: number, data: string, arrivedAt: number): KinesisStreamRecord {
  return toEventRecord(
    {
      sequenceNumber: String(FIRST_SEQUENCE_NUMBER + BigInt(index)),
      partitionKey: 'key',
      data: Buffer.from(data),
      arrivedAt: new Date(arrivedAt),
    },
    {
      shardId: `shardId-00000000000${shard}`,
      streamArn: 'arn:aws:kinesis:us-east-1:000000000000:stream/cognito-sync',
      region: 'us-east-1',
      invokeIdentityArn: 'arn:aws:iam::000000000000:role/project-stream',
    },
  );
}
