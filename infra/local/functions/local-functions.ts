import { pathToFileURL } from 'node:url';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { letOthersRun } from '../../../lib/common/let-others-run.ts';
import { describeLoadProblem } from '../../../lib/rules/file/find-load-problem.ts';
import { FunctionError } from '../../../lib/sync/ports/functions.ts';
import { functionArn } from '../names.ts';
import { createLocalFunction, type WatchedInvocation } from './local-function.ts';
import type { DecisionsMessage } from './messages.ts';
import { createRulesLog, type RulesLogger } from './rules-log.ts';

/** Invokes a function as `InvokeFunction` does. */
export type InvokeLocalFunction = (
  functionArn: string,
  event: object,
  options: WatchedInvocation,
) => Promise<unknown>;

export interface LocalFunctions {
  /**
   * Loads a function before its first invocation.
   * @returns one line that says why the function's sync rules cannot be loaded; undefined if they were loaded
   */
  load(functionName: string): Promise<string | undefined>;
  invoke: InvokeLocalFunction;
  /** Ends all execution environments of all functions. */
  close(): void;
}

/**
 * Creates the functions that the local cloud invokes by ARN. Each function runs in its own threads, so a function that
 * hangs can be ended. A change of the sync rules files takes effect within a second. If the changed rules cannot be
 * loaded, all invocations fail.
 *
 * @param modules URLs of ES modules that export `handler`, by function name
 * @param rulesFile absolute path of the file that replaces `sync-rules.ts`
 * @param onCount receives the number of decisions of each sync rule, after each invocation
 * @param logger receives the result of each change of the rules, and an error for each environment that exited or timed
 * out
 */
export function createLocalFunctions({
  modules,
  region,
  rulesFile,
  logger = createLogger('sync-rules'),
  onCount = () => undefined,
}: {
  modules: Readonly<Record<string, URL>>;
  region: string;
  rulesFile: string;
  logger?: RulesLogger;
  onCount?: (decisions: DecisionsMessage) => void;
}): LocalFunctions {
  const { href: rules } = pathToFileURL(rulesFile);
  const byArn = new Map(
    Object.entries(modules).map(([functionName, { href: module }]) => [
      functionArn(region, functionName),
      createLocalFunction(
        { functionName, module, region, rulesFile: rules },
        createRulesLog({ rulesFile, logger }),
        (reason) => logger.error(`${functionName}: ${reason}`),
        onCount,
      ),
    ]),
  );
  return {
    async load(functionName) {
      const problem = await byArn.get(functionArn(region, functionName))?.load();
      return problem && describeLoadProblem(rulesFile, problem.message);
    },
    async invoke(arn, event, options) {
      const found = byArn.get(arn);
      if (!found) throw new FunctionError('not-found', `function not found: ${arn}`);
      const text = JSON.stringify(event);
      await letOthersRun(text.length);
      return JSON.parse(await found.invoke(text, options));
    },
    close() {
      for (const local of byArn.values()) local.close();
    },
  };
}
