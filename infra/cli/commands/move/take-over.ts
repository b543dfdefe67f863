import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../../../lib/common/errors.ts';
import { addNamed, type Named } from '../../../../lib/move/named.ts';
import { createMoveStore } from '../../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../../lib/move/store/take-over-store.ts';
import {
  type TakenOverPool,
  type TakeOverProblem,
  takeOverAll,
} from '../../../../lib/move/take-over-pool.ts';
import type { CommandDeps } from '../../command.ts';
import { count } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { describeProblem } from './describe-problem.ts';
import { readCopiedPool } from './read-copied-pool.ts';
import { someOf } from './some-of.ts';
import { requireOrigin, withOrigin } from './with-origin.ts';

interface TakeOverArguments {
  identityPoolId: string;
  identityId: string | null;
  maxCallsPerSecond: number;
  asJson: boolean;
}

/**
 * Takes over the identities of a pool, or one of them: from then on, this service owns them, and not the origin.
 * @throws {SetupError} an identity was not taken over
 */
export async function takeOverPool(deps: CommandDeps, given: TakeOverArguments): Promise<void> {
  const { identityPoolId, identityId, maxCallsPerSecond, asJson } = given;
  const { database, now, signal, print, progress } = deps;
  const store = createMoveStore(database, { offloading: deps.offloading, now });
  const pool = await readCopiedPool(store, identityPoolId, now());
  const takeOvers = createTakeOverStore(database);
  if (identityId !== null) {
    const [owner] = await takeOvers.ownersOf([{ identityPoolId, identityId }]);
    if (owner === 'unknown') throw new SetupError(`${identityId} is unknown here; run \`move copy\` first`);
    if (owner === 'us' && !asJson) print(`${identityId} already belongs to this service`);
  }
  await withOrigin(deps, { identityPoolId, next: 'continues' }, async (origin) => {
    requireOrigin(origin, pool);
    const problems: Named<TakeOverProblem> = { total: 0, items: [] };
    const result = await takeOverAll(
      {
        origin,
        store,
        takeOvers,
        limits: deps.readLimits(),
        now,
        sleep: (ms) => sleep(ms, undefined, { signal }).catch(() => undefined),
        maxCallsPerSecond,
      },
      {
        identityPoolId,
        identityId,
        signal,
        onProgress: (done, total) =>
          progress({
            text: `${done} of ${count(total, 'identity', 'identities')} taken over`,
            share: { done, total },
          }),
        onSkipped: (problem) => addNamed(problems, problem),
      },
    );
    if (asJson)
      printJson(print, { identityPoolId, origin: origin.name, ...result, problems: problems.items });
    else for (const line of describe(identityPoolId, result, problems)) print(line);
    if (result.isStopped) {
      throw new SetupError(
        'stopped; identities that were taken over remain so, and the next run of `move take-over` continues there',
      );
    }
    if (result.left > 0) {
      throw new SetupError(
        `${count(result.left, 'identity', 'identities')} not taken over; run \`move take-over\` again`,
      );
    }
  });
}

function describe(
  identityPoolId: string,
  { takenOver, missing, left }: TakenOverPool,
  { items, total }: Named<TakeOverProblem>,
): string[] {
  return [
    `${identityPoolId}: ${count(takenOver, 'identity', 'identities')} taken over, ${left} not taken over yet`,
    ...(missing > 0
      ? [`  identities no longer at the origin: ${missing}; their data here was not changed`]
      : []),
    ...someOf(items, describeProblem, { total }),
  ];
}
