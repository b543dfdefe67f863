import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { Difference } from '../../../../lib/move/compare-identity.ts';
import { createBridgeReports } from '../../../../lib/move/store/bridge-reports.ts';
import { createMoveStore } from '../../../../lib/move/store/move-store.ts';
import { type Verification, verifyPool } from '../../../../lib/move/verify.ts';
import type { CommandDeps } from '../../command.ts';
import { count } from '../../terminal/format.ts';
import { printJson } from '../../terminal/print-json.ts';
import { readCopiedPool } from './read-copied-pool.ts';
import { someOf } from './some-of.ts';
import { withOrigin } from './with-origin.ts';

interface VerifyArguments {
  identityPoolId: string;
  maxCallsPerSecond: number;
  sample: number | null;
  asJson: boolean;
}

/**
 * Compares a pool that is being migrated with its state at the origin.
 * @throws {SetupError} there are differences, or the comparison did not finish
 */
export async function verify(deps: CommandDeps, given: VerifyArguments): Promise<void> {
  const { identityPoolId, sample, maxCallsPerSecond, asJson } = given;
  const { database, now, signal, print, progress } = deps;
  const store = createMoveStore(database, { offloading: null, now });
  await readCopiedPool(store, identityPoolId, now());
  await withOrigin(deps, { identityPoolId }, async (origin) => {
    const verified = await verifyPool(
      {
        origin,
        store,
        now,
        sleep: (ms) => sleep(ms, undefined, { signal }).catch(() => undefined),
        random: Math.random,
        maxCallsPerSecond,
      },
      {
        identityPoolId,
        sample,
        signal,
        onProgress: (done, total) =>
          progress({
            text: `${done} of ${count(total, 'identity', 'identities')} compared`,
            share: { done, total },
          }),
      },
    );
    const { marks } = await createBridgeReports(database).count(identityPoolId);
    if (asJson) printJson(print, { ...toJson(identityPoolId, verified), waiting: marks });
    else for (const line of describe(identityPoolId, verified)) print(line);
    if (!asJson && marks > 0)
      print(
        `  ${count(marks, 'dataset')} waiting for the bridge to the origin, so their differences may disappear; run \`move verify\` again when no dataset waits`,
      );
    if (verified.isStopped) throw new SetupError('stopped before all identities were compared');
    const { length } = verified.differences;
    if (verified.isCutShort)
      throw new SetupError(
        `more than ${length} differences, so the rest was not compared; run \`move copy\` first`,
      );
    if (length > 0)
      throw new SetupError(
        `${count(length, 'difference')}; if a copy is running, wait until it has ended; otherwise run \`move copy\`, then \`move verify\` again`,
      );
  });
}

function toJson(identityPoolId: string, verified: Verification) {
  const { identities, datasets, isStopped, isCutShort, differences } = verified;
  return { identityPoolId, identities, datasets, isStopped, isCutShort, differences };
}

function describe(identityPoolId: string, { identities, datasets, differences }: Verification): string[] {
  return [
    `${identityPoolId}: ${count(identities, 'identity', 'identities')} and ${count(datasets, 'dataset')} compared, ${count(differences.length, 'difference')}`,
    ...someOf(differences, describeDifference),
  ];
}

const KINDS: Record<Difference['kind'], string> = {
  'identity-not-here': 'identity not here',
  'not-here': 'dataset not here',
  'not-at-origin': 'dataset not at the origin',
  values: 'values differ',
  counts: 'sync counts differ',
  unreadable: 'cannot be read at the origin',
};

/** Describes a difference in one line, without a value. */
export function describeDifference({ identityId, datasetName, kind, records }: Difference): string {
  const where = `${identityId}${datasetName === null ? '' : ` ${datasetName}`}`;
  return `${KINDS[kind]}: ${where}${kind === 'values' ? ` (${count(records, 'record')})` : ''}`;
}
