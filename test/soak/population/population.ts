import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataPaths } from '../../../lib/database/data-directory.ts';
import { placeEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';
import { type OidcServer, startOidcServer } from '../../fixtures/identity/oidc-server.ts';
import { createProduct, type Product } from '../product.ts';
import { createRandom } from '../random.ts';
import { causeFaults, killDuringCopy, until } from './cause-faults.ts';
import { checkPopulation } from './check-population.ts';
import { checkDevices, checkIdentities, isLoggedOut } from './check-users.ts';
import { createFront } from './front.ts';
import { createPopulationLedger, type Side } from './ledger.ts';
import { createMove } from './move.ts';
import { type OriginLink, startOriginLink } from './origin-link.ts';
import { planPopulation } from './plan.ts';
import { createServices, type Services, USER_POOL } from './services.ts';
import { settle } from './settle.ts';
import { createUser, type SimulatedUser } from './user.ts';

export interface PopulationOptions {
  /** The databases of both services; null for embedded databases. */
  databaseUrls: Readonly<Record<Side, string>> | null;
  seed: number;
  users: number;
  syncManagers: number;
  faults: number;
  /** Time before the copy, and time after it, in seconds. */
  secondsBefore: number;
  secondsAfter: number;
  /** Rounds per second of all devices together. */
  rate: number;
  /** Whether devices continue to write at the origin for an identity that was merged at the target. */
  writesAfterMerges: boolean;
  note?: (text: string) => void;
}

export interface PopulationResult {
  problems: string[];
  figures: Record<string, string>;
}

const LOSE_RESPONSES = 0.01;
const CALLS_PER_SECOND = '200';

/**
 * Moves a population of users from one service to another while their apps are in use: copies, follows, takes over and
 * bridges, with killed processes and a disturbed connection. Then checks that no acknowledged change was lost.
 */
export async function runPopulation(options: PopulationOptions): Promise<PopulationResult> {
  const { seed, users: count, note = () => undefined } = options;
  const plan = planPopulation({ ...options, users: count });
  const startedAt = performance.now();
  const problems: string[] = [];
  await using cleanUp = new AsyncDisposableStack();
  const userPool = await startOidcServer();
  cleanUp.defer(() => userPool.close());
  const { products, link } = await startBoth(options, userPool, cleanUp);
  const urls = { origin: products.origin.url, target: products.target.url };
  const services = createServices(urls, userPool);
  cleanUp.defer(() => services.close());
  const identityPoolId = await services.createPool();
  const ledger = createPopulationLedger();
  const front = createFront({ ledger, urls, random: createRandom(seed + 1), loseResponses: LOSE_RESPONSES });
  const move = createMove(products.target.env, identityPoolId, link.url);

  let copiedAt = Number.POSITIVE_INFINITY;
  let isStopping = false;
  const progress = () => Math.max(0, (performance.now() - copiedAt) / (options.secondsAfter * 1_000));
  const deviceCount = plan.users.reduce((sum, { devices }) => sum + devices.length, 0);
  const population = plan.users.map((each) =>
    createUser(each, {
      front,
      identityPoolId,
      logIn: (side, user) => services.logIn(side, identityPoolId, user),
      progress,
      periodMs: (deviceCount / options.rate) * 1_000,
      isStopping: () => isStopping,
      onProblem: (problem) => problems.push(problem),
    }),
  );
  cleanUp.defer(async () => void (await Promise.all(population.map((user) => user.close()))));
  const running = Promise.all(population.map((user) => user.run()));
  running.catch(() => undefined);
  cleanUp.defer(() => {
    isStopping = true;
  });

  await sleep(options.secondsBefore * 1_000);
  const merged = await mergeUsers(population, 'origin', services, identityPoolId);
  note(`${deviceCount} devices of ${plan.users.length} users; copying`);
  // Each process is killed once during the copy.
  const killing = killDuringCopy(products, createRandom(seed + 2));
  killing.catch(() => undefined);
  const copies = await move.copyUntilDone();
  await killing;
  copiedAt = performance.now();
  note(`copied in ${copies} runs`);
  const faults = causeFaults(plan.faults, { progress, products, link, note });
  faults.catch(() => undefined);
  await until(() => progress() >= 0.6);
  for (const [from, into] of await mergeUsers(population, 'target', services, identityPoolId, options))
    merged.set(from, into);
  await until(() => progress() >= 0.8);
  await move.copyUntilDone();
  await faults;
  await until(() => progress() >= 1);
  isStopping = true;
  await running;
  // If the last round of a device failed, its changes are still on the device. `finish` sends them.
  for (const user of population) await user.finish();
  note('the devices have stopped; waiting until both sides agree');
  await move.takeOverAll();

  const settled = await settle({
    services,
    identityPoolId,
    move,
    merged,
    waitsForMerges: options.writesAfterMerges,
  });
  problems.push(...settled.problems);
  const conflicts = await move.conflicts();
  const bridgeWrites = { origin: link.writes, target: await services.bridgeWritesAtTarget(ledger) };
  const kills = 2 + plan.faults.filter(({ kind }) => kind.startsWith('kill')).length;
  problems.push(
    ...checkPopulation({
      changes: ledger.changes,
      deletions: ledger.deletions,
      conflicts,
      contents: settled.contents,
      onlyAt: settled.onlyAt,
      mergedInto: merged,
      bridgeWrites,
      // Two more passes of the bridge are allowed, because a change of its own state of a dataset, such as the raised
      // sync count of a new dataset, can take another pass.
      interruptions: (place) => kills + 2 + (link.interrupted.get(place) ?? 0),
    }),
    ...(await checkIdentities(population, services, identityPoolId)),
    ...(await checkDevices(population, settled.contents)),
    ...front.refusals.filter(isLoggedOut).map((refusal) => `logged out: ${Object.values(refusal).join(' ')}`),
  );
  for (const [side, product] of Object.entries(products))
    if (product.hasCrashed())
      problems.push(`the ${side} ended:\n${product.current().output().slice(-2_000)}`);
  const total = (counts: ReadonlyMap<string, number>) =>
    [...counts.values()].reduce((sum, each) => sum + each, 0);
  const acknowledged = ledger.changes.filter(({ syncCount }) => syncCount !== null);
  const at = (side: Side) => acknowledged.filter((change) => change.side === side).length;
  const rounds = population.map((user) => user.rounds);
  return {
    problems,
    figures: {
      users: `${plan.users.length}`,
      devices: `${deviceCount}`,
      'acknowledged changes': `${acknowledged.length}`,
      'at the origin': `${at('origin')}`,
      'at the target': `${at('target')}`,
      'in doubt': `${ledger.changes.length - acknowledged.length}`,
      'failed syncs': `${rounds.reduce((sum, { failed }) => sum + failed, 0)}`,
      deletions: `${ledger.deletions.length}`,
      merges: `${merged.size}`,
      kills: `${kills}`,
      'disturbed calls': `${link.disturbed()}`,
      conflicts: `${conflicts.length}`,
      'bridge writes at the origin': `${total(bridgeWrites.origin)}`,
      'bridge writes at the target': `${total(bridgeWrites.target)}`,
      'settled after': `${settled.seconds.toFixed(0)} s`,
      duration: `${((performance.now() - startedAt) / 1_000).toFixed(0)} s`,
    },
  };
}

async function startBoth(
  { databaseUrls, seed }: PopulationOptions,
  { issuer }: OidcServer,
  cleanUp: AsyncDisposableStack,
): Promise<{ products: Record<Side, Product>; link: OriginLink }> {
  async function environment(side: Side) {
    const dataDir = await mkdtemp(join(tmpdir(), `population-${side}-`));
    cleanUp.defer(() => rm(dataDir, { recursive: true, force: true }));
    const env = {
      DATA_DIR: dataDir,
      LOGINS: 'verified',
      LOGIN_PROVIDERS: JSON.stringify({ [USER_POOL]: { issuer, jwksUri: `${issuer}/jwks` } }),
    };
    if (databaseUrls) return { ...env, DATABASE_URL: databaseUrls[side] };
    await placeEmbeddedDatabase(dataPaths(dataDir).database);
    return env;
  }
  const origin = await createProduct(await environment('origin'));
  const link = await startOriginLink(origin.url, createRandom(seed + 3));
  cleanUp.defer(() => link.close());
  const target = await createProduct({
    ...(await environment('target')),
    ORIGIN_ENDPOINT_URL: link.url,
    ORIGIN_RATE: CALLS_PER_SECOND,
  });
  for (const product of [origin, target]) {
    await product.start();
    cleanUp.defer(() => product.kill());
  }
  return { products: { origin, target }, link };
}

/** Merges the users whose merge is planned on this side. @returns the identities that were merged */
async function mergeUsers(
  population: readonly SimulatedUser[],
  side: Side,
  services: Services,
  identityPoolId: string,
  { writesAfterMerges }: Pick<PopulationOptions, 'writesAfterMerges'> = { writesAfterMerges: false },
): Promise<Map<string, string>> {
  const merged = new Map<string, string>();
  const mergeUser = async (user: SimulatedUser) => {
    const { merge, name } = user.plan;
    if (merge?.at !== side) return;
    const into = population.find(({ plan }) => plan.name === merge.into);
    const [from, destination] = [user.identityId(), into?.identityId()];
    if (!from || !destination) return;
    // Devices that still run would be logged out, because the merge deletes the identity that they use.
    await user.stopDevices(writesAfterMerges && side === 'target' ? 'target' : undefined);
    // The first attempt may have succeeded without an answer.
    const isMerged = async () => (await services.identityOf(side, identityPoolId, user.plan)) === destination;
    while (!(await isMerged().catch(() => false))) {
      const users = { source: name, destination: merge.into };
      await services.merge(side, identityPoolId, users).catch(() => sleep(1_000));
    }
    merged.set(from, destination);
    if (side === 'origin' || writesAfterMerges) user.continueAs(destination);
  };
  await Promise.all(population.map(mergeUser));
  return merged;
}
