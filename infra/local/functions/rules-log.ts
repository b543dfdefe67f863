import { describeLoadProblem } from '../../../lib/rules/file/find-load-problem.ts';
import type { RulesLoad } from './local-function.ts';

export interface RulesLogger {
  error(message: string): void;
  info(message: string): void;
}

/**
 * Creates a logger for the results of loading the sync rules. It logs changed rules, a new problem and a recovery, but
 * no repeated result.
 */
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
        `${describeLoadProblem(rulesFile, problem)}; updates are rejected until they can be loaded`,
      );
  };
}
