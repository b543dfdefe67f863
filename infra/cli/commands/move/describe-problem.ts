import type { TakeOverProblem } from '../../../../lib/move/take-over-pool.ts';

/** Describes a problem of an identity or a dataset in one line, without a value. */
export function describeProblem({ identityId, datasetName, reason }: TakeOverProblem): string {
  return `${reason}: ${identityId}${datasetName === null ? '' : ` ${datasetName}`}`;
}
