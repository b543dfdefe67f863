import fc from 'fast-check';
import { type Command, command } from './command.ts';
import { relay, runBulkPublishes } from './model-stream.ts';
import { callerAt, callers, developers, oftenest, places, pools, processes, textOf } from './places.ts';
import { LIMITS, NO_STREAM, QUIET_POOL, STREAM, STREAMING_POOL, UNKNOWN_POOL } from './setup.ts';
import { FUNCTION_ARNS } from './trigger-rules.ts';

const about = { pool: pools, by: developers, process: processes };

const reads = fc
  .record({
    ...about,
    name: fc.constantFrom(
      'DescribeIdentityPoolUsage' as const,
      'GetCognitoEvents' as const,
      'GetIdentityPoolConfiguration' as const,
      'GetBulkPublishDetails' as const,
    ),
  })
  .map(({ pool, by, process, name }): Command => {
    const input = { IdentityPoolId: pool };
    return command(`${process} ${by}: ${name} ${pool.slice(-1)}`, async (run) => {
      await run.call(name, input, { process, caller: callerAt(by, input) });
    });
  });

const identityUsages = fc
  .record({ place: places, by: callers, process: processes })
  .map(({ place, by, process }): Command => {
    const { IdentityPoolId, IdentityId } = place;
    const caller = callerAt(by, place);
    return command(`${process} ${by}: DescribeIdentityUsage at ${textOf(place)}`, async (run) => {
      await run.call('DescribeIdentityUsage', { IdentityPoolId, IdentityId }, { process, caller });
    });
  });

const poolListings = fc
  .record({ by: developers, process: processes, size: fc.constantFrom(undefined, 1, 2, 0) })
  .map(({ by, process, size }): Command => {
    const caller = callerAt(by, { IdentityPoolId: '' });
    return command(`${process} ${by}: ListIdentityPoolUsage, pages of ${size}`, async (run) => {
      await run.call('ListIdentityPoolUsage', { MaxResults: size }, { process, caller });
    });
  });

const events = fc
  .record({
    ...about,
    events: fc.oneof(
      {
        weight: 8,
        arbitrary: fc.constantFrom(...FUNCTION_ARNS).map((SyncTrigger) => ({ SyncTrigger })),
      },
      {
        weight: 2,
        arbitrary: fc.constant({}),
      },
      {
        weight: 2,
        arbitrary: fc.constantFrom<Record<string, string>[]>(
          { SyncTrigger: '' },
          { SyncTrigger: 'no ARN' },
          { Other: FUNCTION_ARNS[0] ?? '' },
        ),
      },
    ),
  })
  .map(({ pool, by, process, events }): Command => {
    const input = { IdentityPoolId: pool, Events: events };
    const text = `${process} ${by}: SetCognitoEvents ${pool.slice(-1)} ${JSON.stringify(events)}`;
    return command(text, async (run) => {
      await run.call('SetCognitoEvents', input, { process, caller: callerAt(by, input) });
    });
  });

const NONE_REQUIRED: { requiredKeys: []; noNullPrototype: true } = {
  requiredKeys: [],
  noNullPrototype: true,
};
const role = fc.constantFrom<string[]>(
  'arn:aws:iam::000000000000:role/one',
  'arn:aws:iam::000000000000:role/two',
);
const streams = fc.record(
  {
    StreamName: oftenest([STREAM, 3], ['other', 3], [NO_STREAM, 1]),
    RoleArn: role,
    StreamingStatus: oftenest(['ENABLED' as const, 3], ['DISABLED' as const, 1]),
  },
  NONE_REQUIRED,
);
const applications = fc.constantFrom<string[][]>([], ['arn:aws:sns:us-east-1:000000000000:app/GCM/game']);
const pushSync = fc.record({ ApplicationArns: applications, RoleArn: role }, NONE_REQUIRED);

const configurations = fc
  .record({
    ...about,
    // The other mostly goes on to stream.
    pool: oftenest([QUIET_POOL, 5], [STREAMING_POOL, 3], [UNKNOWN_POOL, 1]),
    set: fc.record({ CognitoStreams: streams, PushSync: pushSync }, NONE_REQUIRED),
  })
  .map(({ pool, by, process, set }): Command => {
    const input = { IdentityPoolId: pool, ...set };
    const text = `${process} ${by}: SetIdentityPoolConfiguration ${pool.slice(-1)} ${JSON.stringify(set)}`;
    return command(text, async (run) => {
      await run.call('SetIdentityPoolConfiguration', input, { process, caller: callerAt(by, input) });
    });
  });

const bulkPublishes = fc.record(about).map(({ pool, by, process }): Command => {
  const input = { IdentityPoolId: pool };
  return command(`${process} ${by}: BulkPublish ${pool.slice(-1)}`, async (run) => {
    await run.call('BulkPublish', input, { process, caller: callerAt(by, input) });
  });
});

const bulkPublishRuns = fc.record({ process: processes, maxWaiting: fc.constantFrom(1, 2, 100) }).map(
  ({ process: index, maxWaiting }): Command =>
    command(`${index} takes bulk publishes on, at most ${maxWaiting} events waiting`, async (run) => {
      const process = run.process(index);
      await run.stream.runBulkPublishes(process, maxWaiting);
      runBulkPublishes(run.state, process.now, maxWaiting);
    }),
);

const bulkPublishEnds = processes.map(
  (index): Command =>
    command(`${index} takes bulk publishes on until they are over`, async (run) => {
      const process = run.process(index);
      for (const isRelayed of [false, true]) {
        if (isRelayed) {
          await run.stream.relay({});
          relay(run.state, {});
        }
        await run.stream.runBulkPublishes(process, 100);
        runBulkPublishes(run.state, process.now, 100);
      }
    }),
);

const relays = fc
  .record({
    stream: fc.constantFrom(STREAM, 'other'),
    how: oftenest(['takes all' as const, 6], ['is gone' as const, 1], ['refuses for good' as const, 1]),
    times: oftenest([1, 3], [3, 1], [5, 1]),
  })
  .map(
    ({ stream, how, times }): Command =>
      command(`the outbox is relayed ${times} times; stream ${stream} ${how}`, async (run) => {
        for (let time = 0; time < times; time += 1) {
          await run.stream.relay({ [stream]: how });
          relay(run.state, { [stream]: how });
        }
      }),
  );

const MINUTE_MS = 60 * 1000;

const clocks = fc
  .record({
    process: processes,
    minutes: fc.constantFrom(-40, -5, 0, 1, 60, 23 * 60, 25 * 60),
    ms: fc.integer({ min: 0, max: 3 }),
  })
  .map(
    ({ process, minutes, ms }): Command =>
      command(`the clock of ${process} is ${minutes} min ${ms} ms from the latest there was`, async (run) => {
        run.setClock(process, run.latest() + minutes * MINUTE_MS + ms);
      }),
  );

const restarts = fc.record({ process: processes, limits: oftenest([0, 3], [1, 1]) }).map(
  ({ process, limits }): Command =>
    command(`${process} is started anew, with ${limits === 0 ? 'small' : 'smaller'} limits`, async (run) => {
      run.restart(process, LIMITS[limits]);
    }),
);

export const poolCommands = fc.oneof(
  { arbitrary: events, weight: 3 },
  { arbitrary: reads, weight: 2 },
  { arbitrary: relays, weight: 2 },
  { arbitrary: bulkPublishRuns, weight: 2 },
  { arbitrary: bulkPublishEnds, weight: 2 },
  { arbitrary: bulkPublishes, weight: 3 },
  { arbitrary: clocks, weight: 2 },
  { arbitrary: configurations, weight: 3 },
  { arbitrary: restarts, weight: 1 },
  { arbitrary: identityUsages, weight: 1 },
  { arbitrary: poolListings, weight: 1 },
);
