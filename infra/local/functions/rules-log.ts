import { describeLoadProblem } from '../../../lib/rules/file/find-load-problem.ts';
import type { RulesLoad } from './local-function.ts';

export interface RulesLogger {
  error(message: string): void;
  info(message: string): void;
}

/**
 * Creates a logger for the results of loading the sync rules. It logs each load that a change of the files caused. It
 * logs other loads only if their problem differs from that of the last load.
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
        `${describeLoadProblem(rulesFile, problem)}; updates are rejected until the rules can be loaded`,
      );
  };
}
