import { pathToFileURL } from 'node:url';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import { describeLoadProblem } from '../../../lib/rules/file/find-load-problem.ts';
import type { InvokeFunction } from '../../../lib/sync/ports/functions.ts';
import { FunctionError } from '../../../lib/sync/ports/functions.ts';
import { functionArn } from '../names.ts';
import { createLocalFunction } from './local-function.ts';
import { createRulesLog, type RulesLogger } from './rules-log.ts';

export interface LocalFunctions {
  /**
   * Loads a function before it is first invoked.
   * @returns undefined, or one line that says why its sync rules cannot be loaded
   */
  load(functionName: string): Promise<string | undefined>;
  invoke: InvokeFunction;
  /** Ends all that runs. */
  close(): void;
}

/**
 * The functions of the local cloud that are invoked by ARN, each in threads of its own, so that one that does not end
 * can be ended. Sync rules are what stands in their files: a change is live within a second, also one that cannot be
 * loaded, and with which every call fails.
 *
 * @param modules of ES modules that export `handler`, by the name of the function
 * @param rulesFile absolute path of what they get for `sync-rules.ts`
 * @param logger told what became of a change, and of functions that were ended or ended themselves
 */
export function createLocalFunctions({
  modules,
  region,
  rulesFile,
  logger = createLogger('sync-rules'),
}: {
  modules: Readonly<Record<string, URL>>;
  region: string;
  rulesFile: string;
  logger?: RulesLogger;
}): LocalFunctions {
  const { href: rules } = pathToFileURL(rulesFile);
  const byArn = new Map(
    Object.entries(modules).map(([functionName, { href: module }]) => [
      functionArn(region, functionName),
      createLocalFunction(
        { functionName, module, region, rulesFile: rules },
        createRulesLog({ rulesFile, logger }),
        (reason) => logger.error(`${functionName}: ${reason}`),
      ),
    ]),
  );
  return {
    async load(functionName) {
      const problem = await byArn.get(functionArn(region, functionName))?.load();
      return problem && describeLoadProblem(rulesFile, problem.message);
    },
    async invoke(arn, event, { timeoutMs }) {
      const found = byArn.get(arn);
      if (!found) throw new FunctionError('not-found', `there is no function ${arn}`);
      return JSON.parse(await found.invoke(JSON.stringify(event), timeoutMs));
    },
    close() {
      for (const local of byArn.values()) local.close();
    },
  };
}
