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
    else logger.error(`${rulesProblem(rulesFile, problem)}; until they can be loaded, updates are refused`);
  };
}

/** In one line, whatever the reason. */
export function rulesProblem(rulesFile: string, reason: string): string {
  return `sync rules: cannot load ${rulesFile}: ${reason.replace(/\s*[\r\n]\s*/g, ' ')}`;
}
