import fc from 'fast-check';
import { type Command, command } from './command.ts';
import { relay, runBulkPublishes } from './model-stream.ts';
import { callerAt, callers, developers, places, pools, processes, textOf, weighted } from './places.ts';
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

const ALL_OPTIONAL: { requiredKeys: []; noNullPrototype: true } = {
  requiredKeys: [],
  noNullPrototype: true,
};
const role = fc.constantFrom<string[]>(
  'arn:aws:iam::000000000000:role/one',
  'arn:aws:iam::000000000000:role/two',
);
const streams = fc.record(
  {
    StreamName: weighted([STREAM, 3], ['other', 3], [NO_STREAM, 1]),
    RoleArn: role,
    StreamingStatus: weighted(['ENABLED' as const, 3], ['DISABLED' as const, 1]),
  },
  ALL_OPTIONAL,
);
const applications = fc.constantFrom<string[][]>([], ['arn:aws:sns:us-east-1:000000000000:app/GCM/game']);
const pushSync = fc.record({ ApplicationArns: applications, RoleArn: role }, ALL_OPTIONAL);

const configurations = fc
  .record({
    ...about,
    // The streaming pool mostly keeps streaming.
    pool: weighted([QUIET_POOL, 5], [STREAMING_POOL, 3], [UNKNOWN_POOL, 1]),
    set: fc.record({ CognitoStreams: streams, PushSync: pushSync }, ALL_OPTIONAL),
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
    command(`${index} runs bulk publishes with at most ${maxWaiting} waiting events`, async (run) => {
      const process = run.process(index);
      await run.stream.runBulkPublishes(process, maxWaiting);
      runBulkPublishes(run.state, process.now, maxWaiting);
    }),
);

const bulkPublishEnds = processes.map(
  (index): Command =>
    command(`${index} runs bulk publishes until they end`, async (run) => {
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
    reception: weighted(
      ['accepts all' as const, 6],
      ['does not exist' as const, 1],
      ['rejects permanently' as const, 1],
    ),
    times: weighted([1, 3], [3, 1], [5, 1]),
  })
  .map(
    ({ stream, reception, times }): Command =>
      command(`the outbox is relayed ${times} times; stream ${stream} ${reception}`, async (run) => {
        for (let time = 0; time < times; time += 1) {
          await run.stream.relay({ [stream]: reception });
          relay(run.state, { [stream]: reception });
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
      command(`the clock of ${process} is the latest time plus ${minutes} min ${ms} ms`, async (run) => {
        run.setClock(process, run.latest() + minutes * MINUTE_MS + ms);
      }),
  );

const restarts = fc.record({ process: processes, limits: weighted([0, 3], [1, 1]) }).map(
  ({ process, limits }): Command =>
    command(`${process} restarts with ${limits === 0 ? 'small' : 'smaller'} limits`, async (run) => {
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
