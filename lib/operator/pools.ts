import { parseArgs } from 'node:util';
import { STREAM_NAME } from '../config.ts';
import { SetupError } from '../errors.ts';
import { createPoolStore } from '../store/pool-store.ts';
import type { PoolStreams } from '../sync/pool-store-port.ts';
import { brokenConstraints, SYNC_CONSTRAINTS } from '../wire/constraints.ts';
import { type Command, type CommandDeps, UsageError } from './command.ts';

/** Which identity pools there are, and what is set for each; makes one, such as the one that an app in the field has. */
export const pools: Command = {
  summary: `list the identity pools, or make one, which streams to ${STREAM_NAME} unless told otherwise`,
  usage: ['pools', 'pools add <identity pool id> [--stream NAME|--no-stream]'],
  prepare(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { stream: { type: 'string' }, 'no-stream': { type: 'boolean' } },
    });
    const [action, identityPoolId, ...more] = positionals;
    const { stream, 'no-stream': noStream = false } = values;
    if (action === undefined) {
      if (stream !== undefined || noStream) throw new UsageError('pools: a stream is for pools add');
      return list;
    }
    if (action !== 'add') throw new UsageError(`pools: there is no ${action}`);
    if (identityPoolId === undefined || more.length > 0) throw new UsageError('pools add takes one id');
    if (stream !== undefined && noStream)
      throw new UsageError('pools add: --stream or --no-stream, not both');
    check('IdentityPoolId', identityPoolId, 'the id of an identity pool');
    if (stream !== undefined) check('StreamName', stream, 'the name of a stream');
    const streamName = noStream ? null : (stream ?? STREAM_NAME);
    return (deps) => add(identityPoolId, streamName, deps);
  },
};

/** As the API would, so that what is made here can be asked for there. Whether the stream is there is not looked up. */
function check(member: 'IdentityPoolId' | 'StreamName', value: string, what: string): void {
  const [broken] = brokenConstraints(SYNC_CONSTRAINTS, member, value);
  if (broken !== undefined) throw new UsageError(`${value} is not ${what}: ${broken}`);
}

async function list({ database, print }: CommandDeps): Promise<void> {
  const store = createPoolStore(database);
  const usages = await store.listPoolUsages({ after: '', limit: null });
  for (const { identityPoolId, dataStorage } of usages) {
    const pool = await store.readPool(identityPoolId);
    print(identityPoolId);
    print(`  stores ${dataStorage} bytes`);
    print(`  ${describeStreams(pool?.streams ?? null)}`);
    print(`  ${pool?.syncTrigger ? `sync trigger ${pool.syncTrigger}` : 'no sync trigger'}`);
  }
  if (usages.length === 0) print('There are no identity pools.');
}

function describeStreams(streams: PoolStreams | null): string {
  if (streams === null) return 'does not stream';
  const { status, streamName, disabledReason } = streams;
  return [`streaming ${status}`, streamName && ` on ${streamName}`, disabledReason && `: ${disabledReason}`]
    .filter((part) => part !== null)
    .join('');
}

/** @throws {SetupError} the pool that had this id is still being deleted */
async function add(
  identityPoolId: string,
  streamName: string | null,
  { database, print, now }: CommandDeps,
): Promise<void> {
  const streams: PoolStreams | null = streamName === null ? null : enabledOn(streamName);
  const pool = { identityPoolId, syncTrigger: null, streams, pushSync: null };
  const outcome = await createPoolStore(database).createPool(pool, now());
  if (outcome === 'being deleted') {
    throw new SetupError(
      `${identityPoolId}: not made, as the pool that had this id is still being deleted; try again in a minute, with the service running`,
    );
  }
  const isMade = outcome === 'made';
  print(
    `${identityPoolId}: ${isMade ? `made, ${describeStreams(streams)}` : 'was there already, and is left as it is'}`,
  );
}

function enabledOn(streamName: string): PoolStreams {
  return { status: 'ENABLED', streamName, roleArn: null, disabledReason: null };
}
