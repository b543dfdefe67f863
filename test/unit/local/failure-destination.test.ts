import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createFailureDirectory,
  failureKey,
} from '../../../infra/local/event-source-mapping/failure-destination.ts';
import { toFailureRecord } from '../../../infra/local/event-source-mapping/failure-record.ts';
import { encodeRecord, eventPayload } from '../../../infra/local/event-source-mapping/kinesis-event.ts';
import { firstAttempt } from '../../../infra/local/event-source-mapping/retry-policy.ts';
import { ValueRefusedError } from '../../../lib/common/errors.ts';
import { readFailureObject } from '../../../lib/projection/failure-object.ts';

const origin = {
  functionArn: 'arn:aws:lambda:us-east-2:123456789012:function:myfunction',
  shardId: 'shardId-000000000001',
  streamArn: 'arn:aws:kinesis:us-east-2:123456789012:stream/mystream',
  region: 'us-east-2',
  invokeIdentityArn: 'arn:aws:iam::123456789012:role/role',
};
const records = ['2019-11-14T00:38:04.835Z', '2019-11-14T00:38:05.580Z'].map((arrivedAt, index) =>
  encodeRecord(
    {
      sequenceNumber: `4960118965842235937883629852${index}`,
      partitionKey: 'käse',
      data: Uint8Array.of(0, 255),
      arrivedAt: new Date(arrivedAt),
    },
    origin,
  ),
);
const discarded = {
  attempt: {
    ...firstAttempt(records),
    invocations: 1,
    lastInvocation: {
      requestId: 'c9b8fa9f-5a7f-4a1b-af9c-0c604cde93a5',
      functionError: 'Unhandled' as const,
    },
  },
  condition: 'RetryAttemptsExhausted' as const,
  requestId: 'none',
  now: Date.UTC(2019, 10, 14, 0, 38, 6, 21),
};

describe('a failure record', () => {
  it('equals the example in the AWS Lambda Developer Guide', () => {
    expect(JSON.parse(JSON.stringify(toFailureRecord(discarded, origin)))).toEqual({
      requestContext: {
        requestId: 'c9b8fa9f-5a7f-4a1b-af9c-0c604cde93a5',
        functionArn: 'arn:aws:lambda:us-east-2:123456789012:function:myfunction',
        condition: 'RetryAttemptsExhausted',
        approximateInvokeCount: 1,
      },
      responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
      version: '1.0',
      timestamp: '2019-11-14T00:38:06.021Z',
      KinesisBatchInfo: {
        shardId: 'shardId-000000000001',
        startSequenceNumber: records[0]?.sequenceNumber,
        endSequenceNumber: records[1]?.sequenceNumber,
        approximateArrivalOfFirstRecord: '2019-11-14T00:38:04.835Z',
        approximateArrivalOfLastRecord: '2019-11-14T00:38:05.580Z',
        batchSize: 2,
        streamArn: 'arn:aws:kinesis:us-east-2:123456789012:stream/mystream',
      },
      payload: eventPayload(records),
    });
  });

  it('can be read back as the discarded records of the stream', () => {
    const bytes = Buffer.from(JSON.stringify(toFailureRecord(discarded, origin)));
    expect(readFailureObject(bytes)).toEqual(
      records.map(({ sequenceNumber }, index) => ({
        position: {
          streamName: 'mystream',
          shardId: 'shardId-000000000001',
          sequenceNumber,
          arrivedAt: Date.parse(['2019-11-14T00:38:04.835Z', '2019-11-14T00:38:05.580Z'][index] ?? ''),
        },
        data: Buffer.from([0, 255]),
      })),
    );
  });

  it.each([
    '',
    'no JSON',
    '[]',
    '{}',
    '{"payload":{}}',
    '{"payload":"no JSON"}',
    '{"payload":"{}"}',
    '{"payload":"{\\"Records\\":[{}]}"}',
    '{"payload":"{\\"Records\\":[null]}"}',
    '{"payload":"{\\"Records\\":[{\\"eventID\\":\\"a:1\\",\\"eventSourceARN\\":\\"x/y\\",\\"kinesis\\":{\\"data\\":1}}]}"}',
  ])('is distinguished from other objects in the bucket: %s', (text) => {
    expect(readFailureObject(Buffer.from(text))).toBeNull();
  });

  const event = JSON.parse(eventPayload(records));
  const withSecond = (members: object, kinesis: object) =>
    Buffer.from(
      JSON.stringify({
        payload: JSON.stringify({
          Records: [
            event.Records[0],
            { ...event.Records[1], ...members, kinesis: { ...event.Records[1].kinesis, ...kinesis } },
          ],
        }),
      }),
    );

  it.each([
    { kinesis: { approximateArrivalTimestamp: 1e300 }, error: 'arrival' },
    { kinesis: { approximateArrivalTimestamp: -1e12 }, error: 'arrival' },
    { kinesis: { approximateArrivalTimestamp: -62_135_596_800.002 }, error: 'arrival' },
    { kinesis: { approximateArrivalTimestamp: 253_402_300_800 }, error: 'arrival' },
    { members: { eventSourceARN: 'arn:stream/my\0stream' }, error: 'stream name contains a NUL' },
    { members: { eventID: 'shard\0:1' }, error: 'shard name contains a NUL' },
    { members: { eventID: 'shard\ud800:1' }, error: 'shard name contains a NUL' },
    { kinesis: { sequenceNumber: '' }, error: 'sequence number' },
    { kinesis: { sequenceNumber: '12\0' }, error: 'sequence number' },
    { kinesis: { sequenceNumber: 'LATEST' }, error: 'sequence number' },
    { kinesis: { sequenceNumber: '1'.repeat(130) }, error: 'sequence number' },
  ])('is rejected if no table can store it: $kinesis $members', ({ members = {}, kinesis = {}, error }) => {
    const read = () => readFailureObject(withSecond(members, kinesis));
    expect(read).toThrow(ValueRefusedError);
    expect(read).toThrow(/^record 1: /);
    expect(read).toThrow(error);
  });

  it.each([-62_135_596_800, 253_402_300_799.999])('accepts arrival at %d', (approximateArrivalTimestamp) => {
    expect(readFailureObject(withSecond({}, { approximateArrivalTimestamp }))).toHaveLength(2);
  });

  it('has no function response if the function was never invoked', () => {
    const attempt = firstAttempt(records);
    const record = toFailureRecord({ ...discarded, attempt, condition: 'RecordAgeExceeded' }, origin);
    expect(record).not.toHaveProperty('responseContext');
    expect(record.requestContext).toMatchObject({ requestId: 'none', approximateInvokeCount: 0 });
  });
});

describe('a failure directory', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'failures-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const record = toFailureRecord(discarded, origin);
  const files = async () =>
    (await readdir(directory, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());

  it('names its files as Lambda names its objects', () => {
    expect(failureKey('f89f8514-cdd9-4602-9e1f-01a5b77d449b', record, 'random')).toBe(
      'aws/lambda/f89f8514-cdd9-4602-9e1f-01a5b77d449b/shardId-000000000001/2019/11/14/2019-11-14T00.38.06-random',
    );
  });

  it('stores each record completely, even within the same second', async () => {
    const failures = createFailureDirectory({ directory, mappingUuid: 'uuid' });
    await Promise.all([failures.keep(record), failures.keep(record)]);
    const kept = await files();
    expect(kept).toHaveLength(2);
    for (const { parentPath, name } of kept) {
      expect(join(parentPath, name).slice(directory.length)).toMatch(
        /^\/aws\/lambda\/uuid\/shardId-000000000001\/2019\/11\/14\/2019-11-14T00\.38\.06-[0-9a-f-]{36}$/,
      );
      expect(JSON.parse(await readFile(join(parentPath, name), 'utf8'))).toEqual(record);
      expect((await stat(join(parentPath, name))).mode & 0o777).toBe(0o600);
    }
  });

  it('throws if the directory cannot be written', async () => {
    await writeFile(join(directory, 'aws'), 'a file in the way');
    const failures = createFailureDirectory({ directory, mappingUuid: 'uuid' });
    await expect(failures.keep(record)).rejects.toThrow();
  });
});
