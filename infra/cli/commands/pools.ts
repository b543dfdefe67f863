import { SetupError } from '../../../lib/common/errors.ts';
import { STREAM_NAME } from '../../../lib/common/stream-name.ts';
import type { ProviderState } from '../../../lib/identity/logins/verify-logins.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import type { PoolStreams } from '../../../lib/sync/ports/pool-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { checkMember, readCommandLine } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import { readProviders } from './pools/read-providers.ts';

/**
 * Lists the identity pools with their settings, or creates a pool. The operator chooses the id of the new pool, so it
 * can be the id that a released app already uses.
 */
export const pools: Command = {
  repeatable: ['provider'],
  prepare(args) {
    const { values, positionals } = readCommandLine(args, {
      stream: { type: 'string' },
      'no-stream': { type: 'boolean' },
      provider: { type: 'string', multiple: true },
    });
    const [action, identityPoolId, ...more] = positionals;
    const { stream, 'no-stream': noStream = false, provider, json: asJson } = values;
    if (action === undefined) {
      if (stream !== undefined || noStream || provider !== undefined) {
        throw new UsageError('--stream, --no-stream and --provider are valid only for pools add');
      }
      return (deps) => list(deps, asJson);
    }
    if (action !== 'add') throw new UsageError(`pools: unknown action ${action}`);
    if (identityPoolId === undefined || more.length > 0) {
      throw new UsageError('pools add takes one identity pool id');
    }
    if (stream !== undefined && noStream)
      throw new UsageError('pools add takes either --stream or --no-stream, not both');
    // The API checks the same constraints. Neither the API nor this command requires that the stream exists.
    checkMember('IdentityPoolId', identityPoolId);
    if (stream !== undefined) checkMember('StreamName', stream);
    const streamName = noStream ? null : (stream ?? STREAM_NAME);
    const providers = readProviders(provider ?? []);
    return (deps) => add({ identityPoolId, streamName, providers, asJson }, deps);
  },
};

async function list(deps: CommandDeps, asJson: boolean): Promise<void> {
  const { database, print } = deps;
  const store = createPoolStore(database);
  const usages = await store.listPoolUsages({ after: '', limit: null });
  const loginProviders = await describeProviders(deps, usages);
  if (asJson) {
    const identityPools = [];
    for (const { identityPoolId, dataStorage } of usages) {
      const { streams = null, syncTrigger = null } = (await store.readPool(identityPoolId)) ?? {};
      const providers = loginProviders.get(identityPoolId) ?? null;
      identityPools.push({ identityPoolId, dataStorage, streams, syncTrigger, loginProviders: providers });
    }
    printJson(print, { identityPools });
    return;
  }
  for (const { identityPoolId, dataStorage } of usages) {
    const pool = await store.readPool(identityPoolId);
    print(identityPoolId);
    print(`  stores ${dataStorage} bytes`);
    print(`  ${describeStreams(pool?.streams ?? null)}`);
    print(`  ${pool?.syncTrigger ? `sync trigger ${pool.syncTrigger}` : 'no sync trigger'}`);
    for (const line of describeLogins(loginProviders.get(identityPoolId) ?? null)) print(`  ${line}`);
  }
  if (usages.length === 0) print('There are no identity pools.');
}

/** Returns the login providers by pool; null if logins are not verified. Asks all providers concurrently. */
async function describeProviders(
  { database, describeLogins }: CommandDeps,
  usages: readonly { identityPoolId: string }[],
): Promise<Map<string, ProviderState[] | null>> {
  const store = createIdentityStore(database);
  const described = usages.map(async ({ identityPoolId }) => {
    const pool = await store.readPool(identityPoolId);
    return [identityPoolId, pool && (await describeLogins(pool))] as const;
  });
  return new Map(await Promise.all(described));
}

function describeLogins(providers: ProviderState[] | null): string[] {
  if (providers === null) return ['logins are not verified (LOGINS=trusted)'];
  if (providers.length === 0) return ['no login providers'];
  return providers.map(
    ({ provider, state, reason }) =>
      `login provider ${provider}: ${state}${reason === null ? '' : ` (${reason})`}`,
  );
}

function describeStreams(streams: PoolStreams | null): string {
  if (streams === null) return 'does not stream';
  const { status, streamName, disabledReason } = streams;
  return [`streaming ${status}`, streamName && ` on ${streamName}`, disabledReason && `: ${disabledReason}`]
    .filter((part) => part !== null)
    .join('');
}

/** Creates a pool. @throws {SetupError} the service is still removing a deleted pool with this id */
async function add(
  {
    identityPoolId,
    streamName,
    providers,
    asJson,
  }: {
    identityPoolId: string;
    streamName: string | null;
    providers: ReturnType<typeof readProviders>;
    asJson: boolean;
  },
  { database, print, now }: CommandDeps,
): Promise<void> {
  const streams: PoolStreams | null = streamName === null ? null : enabledOn(streamName);
  const pool = { identityPoolId, syncTrigger: null, streams, pushSync: null };
  const outcome = await createPoolStore(database).createPool(pool, now());
  if (outcome === 'being deleted') {
    throw new SetupError(
      `${identityPoolId}: not created, because the service is still removing the deleted pool with this id; keep the service running and try again in a minute`,
    );
  }
  const isMade = outcome === 'made';
  if (isMade) await enableProviders(database, identityPoolId, providers);
  if (asJson) {
    printJson(print, { identityPoolId, isMade });
    return;
  }
  print(
    `${identityPoolId}: ${isMade ? `created, ${describeStreams(streams)}` : 'already exists and was not changed'}`,
  );
}

async function enableProviders(
  database: CommandDeps['database'],
  identityPoolId: string,
  providers: ReturnType<typeof readProviders>,
): Promise<void> {
  if (Object.keys(providers).length === 0) return;
  const store = createIdentityStore(database);
  const pool = await store.readPool(identityPoolId);
  if (pool !== null && (await store.changePool(pool, { ...pool, ...providers }))) return;
  throw new SetupError(
    `${identityPoolId}: created without login providers, because another request changed the pool; set them with UpdateIdentityPool`,
  );
}

function enabledOn(streamName: string): PoolStreams {
  return { status: 'ENABLED', streamName, roleArn: null, disabledReason: null };
}
