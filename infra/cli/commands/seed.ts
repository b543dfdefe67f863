import pLimit from 'p-limit';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { checkMember, readNumber, readOptions } from '../arguments.ts';
import { type ClientConfig, readClientConfig } from '../client-config.ts';
import { type ProcessCommand, type ProcessDeps, UsageError } from '../command.ts';
import { explainClientFailure } from '../explain-client-failure.ts';
import { count } from '../terminal/format.ts';
import { printJson } from '../terminal/print-json.ts';
import { awaitProjection } from './seed/await-projection.ts';
import { planIdentity } from './seed/plan-identity.ts';
import { type Seeded, seedIdentity } from './seed/seed-identity.ts';

const MAX_IDENTITIES = 1_000_000;
const MAX_SEED = 999_999_999;
/** Number of identities that are written concurrently. */
const CONCURRENCY = 8;

/** Fills a pool with made-up data, through the API, as devices would. */
export const seed: ProcessCommand = {
  prepare(args) {
    const {
      identities,
      pool,
      seed: given,
      json,
    } = readOptions('seed', args, {
      identities: { type: 'string' },
      pool: { type: 'string' },
      seed: { type: 'string', default: '1' },
    });
    if (identities === undefined)
      throw new UsageError('seed requires --identities with the number of identities to write');
    if (pool !== undefined) checkMember('IdentityPoolId', pool);
    const number = readNumber('--identities', identities, { min: 1, max: MAX_IDENTITIES });
    const first = readNumber('--seed', given, { min: 0, max: MAX_SEED });
    return (deps) => run({ identities: number, pool, seed: first, asJson: json }, deps);
  },
};

interface SeedArguments {
  identities: number;
  pool: string | undefined;
  seed: number;
  asJson: boolean;
}

/** The pool to fill, and its service. */
interface Target extends ClientConfig {
  identityPoolId: string;
}

/** Writes the identities and waits for their projection. @throws {SetupError} the query store lacks some of them */
async function run(given: SeedArguments, deps: ProcessDeps): Promise<void> {
  const { print, progress } = deps;
  const config = readClientConfig(deps.env);
  const identityPoolId = given.pool ?? `${config.region}:00000000-0000-4000-8000-000000000001`;
  const startedAt = performance.now();
  const { identityIds, ...total } = await writeIdentities({ ...given, ...config, identityPoolId }, deps);
  const onProgress = (done: number) =>
    progress({ text: 'identities in the query store', share: { done, total: given.identities } });
  const missing = await awaitProjection({ url: config.url, identityPoolId, identityIds, onProgress });
  const milliseconds = Math.round(performance.now() - startedAt);
  if (given.asJson) {
    printJson(print, { identityPoolId, identities: given.identities, ...total, missing, milliseconds });
  } else {
    print(
      `${identityPoolId}: wrote ${count(given.identities, 'identity', 'identities')} in ${milliseconds} ms: ${count(total.syncs, 'sync')}, ${count(total.conflicts, 'conflict')}, ${count(total.removals, 'removal')}`,
    );
    if (missing === 0) print('All identities are in query.records.');
    if (missing === null)
      print('The service has no query API at this address, so the query store was not checked.');
  }
  if (missing !== null && missing > 0) {
    throw new SetupError(
      `${count(missing, 'identity is', 'identities are')} not in query.records yet; check with \`status\` that the pool streams`,
    );
  }
}

/** Writes the identities, several of them concurrently. */
async function writeIdentities(
  { url, region, credentials, pool, identityPoolId, identities, seed: given }: SeedArguments & Target,
  { progress }: ProcessDeps,
): Promise<Seeded & { identityIds: string[] }> {
  const regionOfPool = identityPoolId.slice(0, identityPoolId.indexOf(':'));
  const client = createCognitoSyncClient({ region, endpoint: url, credentials });
  const total: Seeded = { syncs: 0, conflicts: 0, removals: 0 };
  const identityIds: string[] = [];
  try {
    const limit = pLimit(CONCURRENCY);
    const numbers = Array.from({ length: identities }, (_, index) => index);
    await limit.map(numbers, async (index) => {
      const plan = planIdentity(regionOfPool, given, index);
      const seeded = await seedIdentity(client, identityPoolId, plan);
      for (const name of ['syncs', 'conflicts', 'removals'] as const) total[name] += seeded[name];
      identityIds.push(plan.identityId);
      progress({ text: 'identities written', share: { done: identityIds.length, total: identities } });
    });
  } catch (error) {
    throw explainClientFailure(error, {
      409: 'another process writes the same identities; run `seed` again when it has ended, or with another --seed',
      ...(pool !== undefined && { 404: 'check --pool, and that AWS_ENDPOINT_URL or PORT names its service' }),
    });
  } finally {
    client.destroy();
  }
  return { ...total, identityIds };
}
