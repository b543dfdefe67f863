import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CognitoSyncClient, SetCognitoEventsCommand } from '@aws-sdk/client-cognito-sync';
import { firstPoolId, functionArn, SYNC_TRIGGER_NAME } from '../../infra/local/names.ts';
import { DEFAULT_CREDENTIALS } from '../../lib/common/environment.ts';
import { DEFAULT_RATE_LIMITS } from '../../lib/common/rate-limit-settings.ts';
import { startPostgresServer } from '../fixtures/database/postgres-server.ts';
import type { Misbehaviour, MisbehaviourSettings } from './fairness-guest.ts';
import { createGuest, type Guest } from './guest.ts';
import { quantile, type Table } from './measure.ts';
import { startCloud, startProcess } from './start-process.ts';

const REGION = 'us-east-1';
/** Number of guests that do not misbehave. Each of them updates its dataset eight times per second. */
const GUESTS = 4;
const UPDATE_EVERY_MS = 125;
const UNDISTURBED_SECONDS = 20;
const DISTURBED_SECONDS = 40;
/** The rate limits let a guest that was idle before send at full speed for this long. The table has a column for it. */
const BURST_SECONDS = 6;
/** Time for the service to finish what a misbehaving guest has started. */
const CALM_MS = 4_000;
/** Longer than CALM_MS, because up to eight slow rules may still wait, and the service runs only two at a time. */
const CALM_AFTER_SLOW_RULES_MS = 15_000;
/** Time of updates that are not measured, because the service first starts new threads for the sync trigger. */
const WARM_UP_SECONDS = 1;
/** While one guest misbehaves, the updates of other guests may take at most this many times as long. */
const MAX_RATIO = 5;

const MISBEHAVIOURS: readonly Misbehaviour[] = [
  'tombstones',
  'invalid bodies',
  'floods',
  'slow rules',
  'SQL readers',
];

/** Measures UpdateRecords of well-behaved guests, alternately undisturbed and while another guest misbehaves. */
export async function benchFairness(): Promise<Table[]> {
  const server = await startPostgresServer();
  // With a database server, readers of SQL connect to the server and not to the service. The service cannot limit
  // them, so the case "SQL readers" is left out.
  const onPostgres = await bench(server.url, MISBEHAVIOURS.slice(0, -1)).finally(() => server.close());
  const onEmbedded = await bench(undefined, MISBEHAVIOURS);
  return [
    { ...onPostgres, title: 'UpdateRecords while another guest misbehaves, on PostgreSQL 18' },
    { ...onEmbedded, title: 'UpdateRecords while another guest misbehaves, on the embedded database' },
  ];
}

async function bench(
  databaseUrl: string | undefined,
  misbehaviours: readonly Misbehaviour[],
): Promise<Pick<Table, 'rows' | 'overLimit'>> {
  const rulesFile = fileURLToPath(new URL('./fairness-rules.ts', import.meta.url));
  const options = { databaseUrl, rulesFile, rateLimits: DEFAULT_RATE_LIMITS };
  const cloud = await startCloud(options);
  const { url } = cloud.ready;
  const poolId = firstPoolId(REGION);
  await useTrigger(url, poolId);
  const guests = await Promise.all(
    Array.from({ length: GUESTS }, (_, index) =>
      createGuest({ url, poolId, address: `127.0.1.${index + 1}` }),
    ),
  );
  await updateSteadily(guests, BURST_SECONDS);

  const undisturbed: Call[] = [];
  const disturbed = new Map<Misbehaviour, Call[]>();
  for (const misbehaviour of misbehaviours) {
    undisturbed.push(...(await updateSteadily(guests, UNDISTURBED_SECONDS)));
    const settings: MisbehaviourSettings = { ...cloud.ready, poolId, address: '127.0.2.1', misbehaviour };
    const guest = await startProcess(
      new URL('./fairness-guest.ts', import.meta.url),
      JSON.stringify(settings),
    );
    disturbed.set(misbehaviour, await updateSteadily(guests, DISTURBED_SECONDS));
    await guest.stop();
    await sleep(misbehaviour === 'slow rules' ? CALM_AFTER_SLOW_RULES_MS : CALM_MS);
    await updateSteadily(guests, WARM_UP_SECONDS);
  }
  await cloud.stop();
  return toTable(undisturbed, disturbed);
}

function toTable(
  undisturbed: readonly Call[],
  disturbed: ReadonlyMap<Misbehaviour, readonly Call[]>,
): Pick<Table, 'rows' | 'overLimit'> {
  const rows: Table['rows'] = { undisturbed: toRow(undisturbed) };
  const overLimit: string[] = [];
  for (const [misbehaviour, calls] of disturbed) {
    const ratio = p99(calls) / p99(undisturbed);
    const burst = p99(calls.filter(({ atMs }) => atMs < BURST_SECONDS * 1000)) / p99(undisturbed);
    rows[misbehaviour] = {
      ...toRow(calls),
      'p99 / undisturbed': `${ratio.toFixed(1)} x`,
      [`in the first ${BURST_SECONDS} s`]: `${burst.toFixed(1)} x`,
    };
    if (ratio <= MAX_RATIO) continue;
    overLimit.push(`p99 of UpdateRecords beside ${misbehaviour}: ${ratio.toFixed(1)} x`);
  }
  return { rows, overLimit };
}

function toRow(calls: readonly Call[]): Record<string, string> {
  return { p50: `${quantile(durationsOf(calls), 0.5).toFixed(1)} ms`, p99: `${p99(calls).toFixed(1)} ms` };
}

function p99(calls: readonly Call[]): number {
  return quantile(durationsOf(calls), 0.99);
}

function durationsOf(calls: readonly Call[]): number[] {
  return calls.map(({ durationMs }) => durationMs);
}

/** A call of UpdateRecords. `atMs` is the time from the start of the steady updates to the call. */
interface Call {
  atMs: number;
  durationMs: number;
}

/**
 * Updates a dataset of each guest at a steady rate.
 *
 * @throws {Error} the service rejected a call and all retries of the call
 */
async function updateSteadily(guests: readonly Guest[], seconds: number): Promise<Call[]> {
  const calls: Call[] = [];
  const startedAt = performance.now();
  await Promise.all(
    guests.map(async (guest, index) => {
      const start = startedAt + (index * UPDATE_EVERY_MS) / guests.length;
      for (let call = 0; call < (seconds * 1000) / UPDATE_EVERY_MS; call += 1) {
        await sleep(Math.max(0, start + call * UPDATE_EVERY_MS - performance.now()));
        const { SyncSessionToken, DatasetSyncCount } = await guest.list('game');
        const patch = {
          Op: 'replace',
          Key: `key-${call}`,
          Value: 'value',
          SyncCount: DatasetSyncCount,
        } as const;
        const sentAt = performance.now();
        await guest.update('game', SyncSessionToken, [patch]);
        calls.push({ atMs: sentAt - startedAt, durationMs: performance.now() - sentAt });
      }
    }),
  );
  return calls;
}

/** Makes the service invoke the sync trigger for each update of the pool. */
async function useTrigger(url: string, IdentityPoolId: string): Promise<void> {
  const options = { region: REGION, endpoint: url, credentials: { ...DEFAULT_CREDENTIALS } };
  const sync = new CognitoSyncClient(options);
  const Events = { SyncTrigger: functionArn(REGION, SYNC_TRIGGER_NAME) };
  await sync.send(new SetCognitoEventsCommand({ IdentityPoolId, Events }));
  sync.destroy();
}
