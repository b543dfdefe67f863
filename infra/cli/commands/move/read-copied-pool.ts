import { SetupError } from '../../../../lib/common/errors.ts';
import type { MoveStore, MovingPool } from '../../../../lib/move/ports/move-store.ts';

/** Reads a pool that is being migrated. @throws {SetupError} the pool was never copied */
export async function readCopiedPool(
  store: Pick<MoveStore, 'readPool'>,
  identityPoolId: string,
  now: number,
): Promise<MovingPool> {
  const pool = await store.readPool(identityPoolId, now);
  if (pool !== null) return pool;
  throw new SetupError(`${identityPoolId} was never copied; run \`move copy --pool ${identityPoolId}\``);
}
