import type { InvokeFunction } from '../../../lib/sync/function-port.ts';
import { FunctionError } from '../../../lib/sync/function-port.ts';
import { functionArn } from '../names.ts';
import { createLocalFunction } from './local-function.ts';

export interface LocalFunctions {
  invoke: InvokeFunction;
  /** Ends all that runs. */
  close(): void;
}

/**
 * The functions of the local cloud that are invoked by ARN, each in threads of its own, so that one that does not end
 * can be ended.
 *
 * @param modules of ES modules that export `handler`, by the name of the function
 */
export function createLocalFunctions({
  modules,
  region,
}: {
  modules: Readonly<Record<string, URL>>;
  region: string;
}): LocalFunctions {
  const byArn = new Map(
    Object.entries(modules).map(([functionName, { href: module }]) => [
      functionArn(region, functionName),
      createLocalFunction({ functionName, module, region }),
    ]),
  );
  return {
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
