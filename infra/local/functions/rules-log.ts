import { describeLoadProblem } from '../../../lib/rules/file/find-load-problem.ts';
import type { RulesLoad } from './local-function.ts';

export interface RulesLogger {
  error(message: string): void;
  info(message: string): void;
}

/** Says what became of a change of the sync rules; and of what can be loaded no more, or again, once. */
export function createRulesLog({
  rulesFile,
  logger,
}: {
  rulesFile: string;
  logger: RulesLogger;
}): (load: RulesLoad) => void {
  let lastProblem: string | undefined;
  return ({ problem, changed }) => {
    if (problem === lastProblem && !changed) return;
    lastProblem = problem;
    if (problem === undefined) logger.info(`sync rules: loaded ${rulesFile}`);
    else
      logger.error(
        `${describeLoadProblem(rulesFile, problem)}; until they can be loaded, updates are refused`,
      );
  };
}
