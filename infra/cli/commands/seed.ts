import pLimit from 'p-limit';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { checkMember, readNumber, readOptions } from '../arguments.ts';
import { readClientConfig } from '../client-config.ts';
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

async function run(given: SeedArguments, { env, print, progress }: ProcessDeps): Promise<void> {
  const { url, region, credentials } = readClientConfig(env);
  const identityPoolId = given.pool ?? `${region}:00000000-0000-4000-8000-000000000001`;
  const regionOfPool = identityPoolId.slice(0, identityPoolId.indexOf(':'));
  const client = createCognitoSyncClient({ region, endpoint: url, credentials });
  const total: Seeded = { syncs: 0, conflicts: 0, removals: 0 };
  const identityIds: string[] = [];
  const startedAt = performance.now();
  try {
    const limit = pLimit(CONCURRENCY);
    const numbers = Array.from({ length: given.identities }, (_, index) => index);
    await limit.map(numbers, async (index) => {
      const plan = planIdentity(regionOfPool, given.seed, index);
      const seeded = await seedIdentity(client, identityPoolId, plan);
      for (const name of ['syncs', 'conflicts', 'removals'] as const) total[name] += seeded[name];
      identityIds.push(plan.identityId);
      progress({
        text: 'identities written',
        share: { done: identityIds.length, total: given.identities },
      });
    });
  } catch (error) {
    throw explainClientFailure(error);
  } finally {
    client.destroy();
  }
  const showProjected = (done: number) =>
    progress({ text: 'identities in the query store', share: { done, total: given.identities } });
  const missing = await awaitProjection(url, identityPoolId, identityIds, showProjected);
  const milliseconds = Math.round(performance.now() - startedAt);
  if (given.asJson) {
    printJson(print, { identityPoolId, identities: given.identities, ...total, missing, milliseconds });
    return;
  }
  print(
    `${identityPoolId}: wrote ${count(given.identities, 'identity', 'identities')} in ${milliseconds} ms: ${count(total.syncs, 'sync')}, ${count(total.conflicts, 'conflict')}, ${count(total.removals, 'removal')}`,
  );
  print(describeMissing(missing));
}

function describeMissing(missing: number | null): string {
  if (missing === 0) return 'All identities are in query.records.';
  if (missing === null)
    return 'The service has no query API at this address, so the query store was not checked.';
  return `${count(missing, 'identity is', 'identities are')} not in query.records yet; check with \`status\` that the pool streams.`;
}
