import { describe, expect, it } from 'vitest';
import type { RelayOptions } from '../../../lib/sync/jobs/relay-batch.ts';
import { relayOutbox } from '../../../lib/sync/jobs/relay-outbox.ts';
import type { PayloadUploads } from '../../../lib/sync/jobs/upload-payload.ts';
import type {
  EventPublisher,
  Outbox,
  OutboxRow,
  PublishOutcome,
  StreamChoice,
} from '../../../lib/sync/ports/outbox.ts';
import { PayloadUploadError } from '../../../lib/sync/ports/payload-uploader.ts';

interface Row extends OutboxRow {
  dueAt: number;
  parkedReason?: string;
}

const throttled = { error: 'ProvisionedThroughputExceededException', retryable: true };
const invalid = { error: 'ValidationException', retryable: false };
const noStream = { error: 'ResourceNotFoundException', retryable: true, noStream: true as const };
/** An event whose records are stored as a payload. */
const EVENT_WITH_PAYLOAD = JSON.stringify({
  kinesisSyncRecordsURL: 'http://127.0.0.1/payloads/00000000-0000-4000-8000-000000000000?',
});

/** Creates an in-memory outbox with its own clock, and an in-memory stream whose outcomes `outcomeOf` decides. */
function setUp(
  events: string[],
  outcomeOf: (event: string, streamName: string) => PublishOutcome | Promise<PublishOutcome> = () =>
    'published',
  streamOf: (event: string) => string | null = () => null,
) {
  let clock = 0;
  let rows: Row[] = events.map((event) => ({
    outboxId: event,
    streamName: streamOf(event),
    partitionKey: `key-${event}`,
    event,
    attempts: 0,
    rejections: 0,
    dueAt: 0,
  }));
  const stream: string[] = [];
  const streams: string[] = [];
  const disabled: string[] = [];
  const batches: number[] = [];
  const outbox: Outbox = {
    async claim(limit, leaseMs, of) {
      const free = rows
        .filter((row) => !row.parkedReason && row.dueAt <= clock && isChosen(row.streamName, of))
        .slice(0, limit);
      for (const row of free) Object.assign(row, { dueAt: clock + leaseMs, attempts: row.attempts + 1 });
      return free.map((row) => ({ ...row }));
    },
    async remove(outboxIds) {
      rows = rows.filter((row) => !outboxIds.includes(row.outboxId));
    },
    async postpone(claims) {
      for (const { outboxId, delayMs } of claims) {
        for (const row of rows) if (row.outboxId === outboxId) row.dueAt = clock + delayMs;
      }
    },
    async countRejection(rejected) {
      for (const { outboxId, rejections } of rejected) {
        for (const row of rows) if (row.outboxId === outboxId) row.rejections = rejections + 1;
      }
    },
    async park(outboxId, reason) {
      for (const row of rows) if (row.outboxId === outboxId) row.parkedReason = reason;
    },
  };
  const publisher: EventPublisher = {
    async publish(streamName, entries) {
      batches.push(entries.length);
      return Promise.all(
        entries.map(async ({ data }) => {
          const event = new TextDecoder().decode(data);
          const outcome = await outcomeOf(event, streamName);
          if (outcome === 'published') {
            stream.push(event);
            streams.push(`${streamName} ${event}`);
          }
          return outcome;
        }),
      );
    },
  };
  const streaming = {
    async disable(name: string | null, reason: string) {
      disabled.push(`${name}: ${reason}`);
      return disabled.length === 1 ? 2 : 0;
    },
  };
  return {
    outbox,
    stream,
    streams,
    disabled,
    batches,
    rows: () => rows,
    clock: () => clock,
    pass: (ms: number) => {
      clock += ms;
    },
    relay: (
      options: Partial<RelayOptions> = {},
      parts: { outbox?: Outbox; publisher?: EventPublisher; uploads?: PayloadUploads } = {},
    ) =>
      relayOutbox({
        outbox,
        publisher,
        streaming,
        streamName: 'stream',
        now: () => clock,
        options,
        ...parts,
      }),
  };
}

function isChosen(streamName: string | null, of: StreamChoice = { allBut: [] }): boolean {
  return 'only' in of ? streamName === of.only : !of.allBut.includes(streamName);
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `e${index}`);

describe('the relay', () => {
  it('publishes all events in batches, oldest first, and removes them', async () => {
    const { relay, stream, batches, rows } = setUp(numbered(25));
    expect(await relay({ batchRows: 10 })).toEqual({
      published: 25,
      postponed: 0,
      parked: 0,
      refusals: [],
      goneStreams: [],
      withoutStream: 0,
      notUploaded: 0,
    });
    expect(stream).toEqual(numbered(25));
    expect(batches).toEqual([10, 10, 5]);
    expect(rows()).toEqual([]);
  });

  it('sends no request if no event waits', async () => {
    const { relay, batches } = setUp([]);
    expect(await relay()).toEqual({
      published: 0,
      postponed: 0,
      parked: 0,
      refusals: [],
      goneStreams: [],
      withoutStream: 0,
      notUploaded: 0,
    });
    expect(batches).toEqual([]);
  });

  it('publishes text as UTF-8', async () => {
    const { relay, stream } = setUp(['{"value":"ключ \u{1F511}"}']);
    await relay();
    expect(stream).toEqual(['{"value":"ключ \u{1F511}"}']);
  });

  it('always publishes one batch, but starts no other batch once its time budget is used up', async () => {
    const world = setUp(numbered(25));
    const outbox = {
      ...world.outbox,
      remove: (ids: readonly string[]) => {
        world.pass(40);
        return world.outbox.remove(ids);
      },
    };
    expect(await world.relay({ batchRows: 5, timeBudgetMs: 60 }, { outbox })).toMatchObject({
      published: 10,
    });
    expect(await world.relay({ batchRows: 5, timeBudgetMs: -1 }, { outbox })).toMatchObject({ published: 5 });
  });

  it('publishes the other rows if one row fails', async () => {
    const { relay, stream, rows } = setUp(numbered(6), (event) => (event === 'e2' ? throttled : 'published'));
    expect(await relay({ batchRows: 3 })).toEqual({
      published: 5,
      postponed: 1,
      parked: 0,
      refusals: ['ProvisionedThroughputExceededException'],
      goneStreams: [],
      withoutStream: 0,
      notUploaded: 0,
    });
    expect(stream).toEqual(['e0', 'e1', 'e3', 'e4', 'e5']);
    expect(rows()).toMatchObject([{ outboxId: 'e2', attempts: 1 }]);
  });

  it('retries a transient failure indefinitely, with backoff up to the cap', async () => {
    let nextOutcome: PublishOutcome = throttled;
    const { relay, pass, rows, stream } = setUp(['e0'], () => nextOutcome);
    const delays: number[] = [];
    for (let attempt = 0, clock = 0; attempt < 40; attempt += 1) {
      await relay({ retryBaseMs: 100, retryCapMs: 1_000 });
      const delay = (rows()[0]?.dueAt ?? 0) - clock;
      delays.push(delay);
      clock += delay;
      pass(delay);
    }
    expect(delays.slice(0, 6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    expect(delays.at(-1)).toBe(1_000);
    expect(rows()).toMatchObject([{ attempts: 40 }]);
    nextOutcome = 'published';
    await relay();
    expect(stream).toEqual(['e0']);
  });

  it('parks a row (stops retrying it) after repeated permanent failures, and stores the reason', async () => {
    const { relay, pass, rows, batches, stream } = setUp(['bad', 'good'], (event) =>
      event === 'bad' ? invalid : 'published',
    );
    for (let attempt = 1; attempt < 3; attempt += 1) {
      expect(await relay({ parkAfterRejections: 3 })).toMatchObject({ postponed: 1, parked: 0 });
      pass(60_000);
    }
    expect(await relay({ parkAfterRejections: 3 })).toEqual({
      published: 0,
      postponed: 0,
      parked: 1,
      refusals: ['ValidationException'],
      goneStreams: [],
      withoutStream: 0,
      notUploaded: 0,
    });
    expect(rows()).toMatchObject([{ outboxId: 'bad', parkedReason: 'ValidationException, 3 rejections' }]);
    pass(60_000);
    const sentBefore = batches.length;
    await relay();
    expect(batches).toHaveLength(sentBefore);
    expect(stream).toEqual(['good']);
  });

  it.each([
    ['a throttled stream', throttled],
    ['a stream that does not exist', noStream],
    ['a payload that cannot be uploaded', 'not uploaded'],
    ['a crash of the relay', 'crash'],
  ] as const)('does not count %s toward the rejections that park a row', async (_cause, cause) => {
    let outcome: PublishOutcome = invalid;
    const { relay, outbox, pass, rows } = setUp([EVENT_WITH_PAYLOAD], () => outcome);
    let canUpload = true;
    const uploads: PayloadUploads = {
      payloads: { read: async () => '[]', remove: async () => undefined },
      uploader: {
        upload: () => (canUpload ? Promise.resolve() : Promise.reject(new PayloadUploadError('SlowDown'))),
        isStored: async () => false,
        urlOf: async (id) => `https://s3/${id}`,
      },
    };
    const attempt = async () => {
      pass(120_000);
      return relay({ parkAfterRejections: 3 }, { uploads });
    };
    const failTransiently = async () => {
      outcome = typeof cause === 'string' ? invalid : cause;
      canUpload = cause !== 'not uploaded';
      for (let attempts = 0; attempts < 10; attempts += 1) {
        if (cause === 'crash') {
          pass(120_000);
          await outbox.claim(1, 120_000);
        } else expect(await attempt()).toMatchObject({ postponed: 1, parked: 0 });
      }
      outcome = invalid;
      canUpload = true;
    };
    for (let rejections = 1; rejections < 3; rejections += 1) {
      await failTransiently();
      expect(await attempt()).toMatchObject({ postponed: 1, parked: 0, refusals: ['ValidationException'] });
    }
    await failTransiently();
    expect(await attempt()).toMatchObject({ postponed: 0, parked: 1 });
    expect(rows()).toMatchObject([{ parkedReason: 'ValidationException, 3 rejections' }]);
  });

  it('skips a stream for the rest of a run after three failed batches, and publishes its rows in a later run', async () => {
    let isUp = false;
    const { relay, pass, batches, rows, stream } = setUp(numbered(100), () =>
      isUp ? 'published' : throttled,
    );
    expect(await relay({ batchRows: 10 })).toMatchObject({ published: 0, postponed: 30 });
    expect(batches).toHaveLength(3);
    isUp = true;
    pass(60_000);
    expect(await relay({ batchRows: 10 })).toMatchObject({ published: 100 });
    expect(rows()).toEqual([]);
    expect([...stream].sort()).toEqual(numbered(100).sort());
  });

  it('treats an event for which the publisher returns no outcome as a transient failure', async () => {
    const { relay, rows } = setUp(['e0']);
    const publisher = { publish: async () => [] };
    expect(await relay({}, { publisher })).toMatchObject({ postponed: 1, refusals: ['NoOutcome'] });
    expect(rows()).toHaveLength(1);
  });

  it('publishes an event again after its lease has expired if it could not be removed from the outbox', async () => {
    const { relay, outbox, pass, rows, stream } = setUp(['e0']);
    const remove = () => Promise.reject(new Error('the connection broke'));
    await expect(relay({ leaseMs: 100 }, { outbox: { ...outbox, remove } })).rejects.toThrow(
      'the connection broke',
    );
    await relay();
    expect(stream).toEqual(['e0']);
    pass(100);
    await relay();
    expect(stream).toEqual(['e0', 'e0']);
    expect(rows()).toEqual([]);
  });

  it.each([0, 25_000, 44_000, 59_000])(
    'publishes each uploaded event before its lease ends, even if S3 and Kinesis become slow %d ms after the start',
    async (firstMs) => {
      const events = numbered(12).map((name) =>
        JSON.stringify({
          kinesisSyncRecordsURL: `http://127.0.0.1/payloads/00000000-0000-4000-8000-${name.slice(1).padStart(12, '0')}?`,
        }),
      );
      const world = setUp(events);
      const ends: number[] = [];
      const outbox: Outbox = {
        ...world.outbox,
        async remove(outboxIds) {
          for (const row of world.rows())
            if (outboxIds.includes(row.outboxId)) ends.push(row.dueAt - world.clock());
          await world.outbox.remove(outboxIds);
        },
      };
      const publisher: EventPublisher = {
        async publish(_stream, entries) {
          // A check, two attempts of an upload, and three attempts of a request to Kinesis.
          world.pass(ends.length === 0 ? firstMs : 2_000 + 2 * 5_000 + 3 * 15_000);
          return entries.map(() => 'published');
        },
      };
      const uploads: PayloadUploads = {
        payloads: { read: async () => '[]', remove: async () => undefined },
        uploader: {
          upload: async () => undefined,
          isStored: async () => false,
          urlOf: async (id) => `https://s3/${id}`,
        },
      };
      await world.relay({ timeBudgetMs: 150_000 }, { outbox, publisher, uploads });
      expect(ends.length).toBeGreaterThanOrEqual(4);
      expect(Math.min(...ends)).toBeGreaterThanOrEqual(0);
    },
  );

  describe('with a stream per pool', () => {
    /** Returns the second word of the event, which names its stream; null if the event has only one word. */
    const streamOf = (event: string) => event.split(' ')[1] ?? null;
    const alternating = (count: number) =>
      numbered(count).map((name, index) => `${name} ${index % 2 === 0 ? 'bad' : 'good'}`);

    it('publishes each event to its own stream, or to the default stream', async () => {
      const { relay, streams } = setUp(['e0 a', 'e1', 'e2 b', 'e3 a'], undefined, streamOf);
      expect(await relay()).toMatchObject({ published: 4 });
      expect(streams.toSorted()).toEqual(['a e0 a', 'a e3 a', 'b e2 b', 'stream e1']);
    });

    it('does not delay other streams if one stream accepts nothing, even with many events waiting', async () => {
      const { relay, stream, rows } = setUp(
        [...numbered(100).map((name) => `${name} bad`), 'e100 good', 'e101'],
        (event) => (event.endsWith('bad') ? throttled : 'published'),
        streamOf,
      );
      expect(await relay({ batchRows: 10 })).toMatchObject({ published: 2, postponed: 30 });
      expect(stream.toSorted()).toEqual(['e100 good', 'e101']);
      expect(rows()).toHaveLength(100);
    });

    it('does not delay other streams if one stream does not respond', async () => {
      const { promise, resolve } = Promise.withResolvers<PublishOutcome>();
      const { relay, stream } = setUp(
        alternating(60),
        (event) => (event.endsWith('bad') ? promise : 'published'),
        streamOf,
      );
      const relayed = relay({ batchRows: 10 });
      await expect.poll(() => stream.length).toBe(30);
      resolve('published');
      expect(await relayed).toMatchObject({ published: 60 });
    });

    it('fails if one stream fails, but only after the other streams have finished', async () => {
      const world = setUp(alternating(4), undefined, streamOf);
      const outbox: Outbox = {
        ...world.outbox,
        remove: async (ids) => {
          if (ids[0]?.endsWith('bad')) throw new Error('the connection broke');
          await new Promise((resolve) => setTimeout(resolve, 5));
          await world.outbox.remove(ids);
        },
      };
      await expect(world.relay({}, { outbox })).rejects.toThrow('the connection broke');
      expect(world.rows().map(({ event }) => event)).toEqual(['e0 bad', 'e2 bad']);
    });

    it('disables the pools of a deleted stream, keeps its events and retries them', async () => {
      let exists = false;
      const { relay, pass, disabled, rows, stream } = setUp(
        alternating(4),
        (event) => (event.endsWith('good') || exists ? 'published' : noStream),
        streamOf,
      );
      const options = { disableAfterAttempts: 3 };
      for (const [goneStreams, withoutStream] of [
        [[], 0],
        [[], 0],
        [['bad'], 2],
        [[], 2],
      ]) {
        expect(await relay(options)).toMatchObject({ postponed: 2, goneStreams, withoutStream });
        pass(60_000);
      }
      expect(new Set(disabled)).toEqual(new Set(['bad: stream bad does not exist']));
      expect(rows()).toHaveLength(2);
      exists = true;
      expect(await relay(options)).toMatchObject({ published: 2, goneStreams: [], withoutStream: 0 });
      expect(stream).toHaveLength(4);
    });

    it('reports a deleted default stream by its name', async () => {
      const { relay, disabled } = setUp(['e0'], () => noStream);
      expect(await relay({ disableAfterAttempts: 1 })).toMatchObject({ goneStreams: ['stream'] });
      expect(disabled).toEqual(['null: stream stream does not exist']);
    });
  });
});
