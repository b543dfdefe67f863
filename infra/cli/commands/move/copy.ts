import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncClientError } from '../../../../lib/backfill/ports/sync-client.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import { copyPool } from '../../../../lib/move/copy.ts';
import type { CopyOutcome, CopyStatus, Skipped } from '../../../../lib/move/copy-run.ts';
import { addNamed, type Named } from '../../../../lib/move/named.ts';
import { planCopy } from '../../../../lib/move/plan-copy.ts';
import { createMoveStore } from '../../../../lib/move/store/move-store.ts';
import { createPoolStore } from '../../../../lib/sync/store/pool-store.ts';
import type { CommandDeps, Progress } from '../../command.ts';
import { count, durationText } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { describeProblem } from './describe-problem.ts';
import { someOf } from './some-of.ts';
import { withOrigin } from './with-origin.ts';

export interface CopyArguments {
  identityPoolId: string;
  maxCallsPerSecond: number;
  isDryRun: boolean;
  asJson: boolean;
}

const STOPPED = 'stopped; everything copied so far is kept, and the next run of `move copy` continues there';

/**
 * Copies a pool from the origin, the service from which it is migrated.
 * @throws {SetupError} the copy did not finish
 */
export async function copy(deps: CommandDeps, given: CopyArguments): Promise<void> {
  const { identityPoolId, maxCallsPerSecond, asJson } = given;
  const { database, now, signal, print, progress } = deps;
  const limits = deps.readLimits();
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);
  const next = given.isDryRun ? 'starts again' : 'continues';
  await withOrigin(deps, { identityPoolId, next }, async (origin) => {
    if (given.isDryRun) {
      const plan = await planCopy(
        {
          origin,
          limits,
          pools: createPoolStore(database),
          now,
          sleep: pause,
          maxCallsPerSecond,
        },
        {
          identityPoolId,
          signal,
          onProgress: (identities) => progress({ text: count(identities, 'identity', 'identities') }),
        },
      );
      if (asJson) printJson(print, { identityPoolId, origin: origin.name, isDryRun: true, ...plan });
      else for (const line of describePlan(identityPoolId, origin.name, plan)) print(line);
      return;
    }
    const skipped: Named<Skipped> = { total: 0, items: [] };
    const outcome = await copyPool(
      {
        origin,
        store: createMoveStore(database, { offloading: deps.offloading, now }),
        limits,
        now,
        sleep: pause,
        maxCallsPerSecond,
      },
      {
        identityPoolId,
        holder: `move copy on ${hostname()}, started at ${new Date(now()).toISOString()},`,
        signal,
        onProgress: (status) => progress(toProgress(status)),
        onSkipped: (item) => addNamed(skipped, item),
      },
    );
    const { name } = origin;
    if (asJson) printJson(print, { identityPoolId, origin: name, ...outcome, skippedItems: skipped.items });
    else for (const line of describe(identityPoolId, name, outcome, skipped)) print(line);
    requireFinished(outcome);
  });
}

function toProgress({ phase, counts, total, done, remainingMs }: CopyStatus): Progress {
  if (total === null)
    return { text: `${phase === 'usable' ? 'listing' : 'listing disabled'} identities: ${done}` };
  const left = remainingMs === null ? '' : `, about ${durationText(remainingMs)} left`;
  const text = `${done} of ${count(total, 'identity', 'identities')} copied, ${count(counts.records, 'record')}${left}`;
  return { text, share: { done, total } };
}

function describe(
  identityPoolId: string,
  origin: string,
  { counts, isPoolMade, isResumed, syncTrigger, end }: CopyOutcome,
  { items, total }: Named<Skipped>,
): string[] {
  if (counts === null) return [];
  const { listed, created, copied, datasets, records, removed, kept, missing, skipped, unread } = counts;
  const earlier = skipped - total;
  return [
    `${identityPoolId} from ${origin}${end === 'finished' ? '' : ' (incomplete)'}`,
    ...(isPoolMade ? ['  created the pool, which streams to cognito-sync here'] : []),
    ...(isResumed ? ['  continued an interrupted copy'] : []),
    `  ${count(listed, 'identity', 'identities')} listed, ${created} new here, ${copied} compared`,
    `  ${count(datasets, 'dataset')} compared, ${count(records, 'record')} written, ${removed} datasets removed`,
    ...(kept > 0 ? [`  identities kept, because this service owns or has deleted them: ${kept}`] : []),
    ...(missing > 0
      ? [`  identities no longer at the origin: ${missing}; their data here was not changed`]
      : []),
    ...someOf(items, describeProblem, { total }),
    ...(earlier > 0 ? [`  problems that earlier runs of this copy reported: ${earlier}`] : []),
    ...(unread > 0
      ? [
          `  identities or datasets that could not be read completely at the origin: ${unread}; run \`move copy\` again, because only a complete copy repairs lost events`,
        ]
      : []),
    ...(isPoolMade && syncTrigger ? [`  The origin's sync trigger ${syncTrigger} is not set here.`] : []),
  ];
}

type Plan = Awaited<ReturnType<typeof planCopy>>;

function describePlan(identityPoolId: string, origin: string, plan: Plan): string[] {
  return [
    `${identityPoolId} from ${origin}: dry run, nothing was written`,
    `  ${plan.isPoolNew ? 'would create the pool' : 'the pool exists here'}`,
    `  ${count(plan.identities, 'identity', 'identities')}, ${count(plan.datasets, 'dataset')}, ${count(plan.records, 'record')}, ${plan.bytes} bytes`,
    `  ${count(plan.aboveLimits, 'dataset')} above a limit of this service (they would be copied nevertheless)`,
    ...(plan.unread > 0
      ? [
          `  datasets of ${count(plan.unread, 'identity', 'identities')} not included: the origin failed to list them`,
        ]
      : []),
  ];
}

/** @throws {SetupError | SyncClientError} the copy did not finish */
function requireFinished({ end, message }: CopyOutcome): void {
  switch (end) {
    case 'finished':
      return;
    case 'stopped':
      throw new SetupError(STOPPED);
    case 'not-streaming':
    case 'in-use':
    case 'other-origin':
    case 'same-service':
      throw new SetupError(message ?? end);
    case 'lost':
      throw new SetupError(
        'another process works on this pool now, because this process did not extend its lease for two minutes; `move status` names the other process',
      );
    case 'being-deleted':
      throw new SetupError(
        'the service is still removing a deleted pool with this id; try again in a minute',
      );
    default:
      throw new SyncClientError(end, message ?? end);
  }
}
