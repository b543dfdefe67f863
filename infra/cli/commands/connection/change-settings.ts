import type { OperatedService, PoolSettings } from '../../../../lib/backfill/ports/operated-service.ts';
import { SyncClientError } from '../../../../lib/backfill/ports/sync-client.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import { type ProcessDeps, UsageError } from '../../command.ts';
import { noTerminalText } from '../../terminal/confirm.ts';
import { printJson } from '../../terminal/print-json.ts';
import { describeFailure, withService } from '../../with-service.ts';
import { type ConnectionPlan, describeSettings } from './plan-connection.ts';

interface ChangeOptions {
  identityPoolId: string;
  /** Whether the operator must confirm the change. */
  isAsked: boolean;
  asJson: boolean;
  /** Plans the change. @throws {SetupError} the change is not possible with the current settings */
  plan: (is: PoolSettings) => ConnectionPlan;
  /** Text about a consequence of the change, printed before the operator confirms the change. */
  warning?: string;
}

/**
 * Prints the settings of a pool and the planned changes. If there are changes, applies them, by default after the
 * operator has confirmed them.
 * @throws {SetupError} the change failed; the message says what was changed. Repeating the command completes the change
 * @throws {UsageError} no terminal can ask for confirmation; nothing was changed
 */
export async function changeSettings(deps: ProcessDeps, options: ChangeOptions): Promise<void> {
  const { identityPoolId, isAsked, asJson, warning } = options;
  const printUnlessJson = asJson ? () => undefined : deps.print;
  await withService(deps.openService, identityPoolId, async (service) => {
    const is = await service.settings.read(identityPoolId);
    const plan = options.plan(is);
    const { changes } = plan;
    const printResult = (isChanged: boolean) => {
      if (asJson) printJson(deps.print, { identityPoolId, service: service.name, changes, isChanged });
    };
    printUnlessJson(`${identityPoolId} at ${service.name}`);
    for (const line of describePlan(is, plan)) printUnlessJson(line);
    if (changes.length === 0) {
      printResult(false);
      printUnlessJson('Nothing to change.');
      return;
    }
    if (warning !== undefined) printUnlessJson(warning);
    if (isAsked && asJson) {
      printResult(false);
      throw new UsageError(noTerminalText());
    }
    if (isAsked) await deps.confirm('Proceed?');
    await apply(service, identityPoolId, plan);
    printResult(true);
    printUnlessJson('Done.');
  });
}

function describePlan(is: PoolSettings, { changes }: ConnectionPlan): string[] {
  return describeSettings(is).map(({ setting, value }) => {
    const change = changes.find((one) => one.setting === setting);
    return `  ${setting.padEnd(14)}${change ? `${value}  ->  ${change.to}` : value}`;
  });
}

async function apply(
  service: OperatedService,
  identityPoolId: string,
  { streaming, syncTrigger }: ConnectionPlan,
): Promise<void> {
  if (streaming) await service.settings.setStreaming(identityPoolId, streaming);
  if (!syncTrigger) return;
  try {
    await service.settings.setSyncTrigger(identityPoolId, syncTrigger.functionArn);
  } catch (error) {
    if (!(error instanceof SyncClientError) || !streaming) throw error;
    const reason = describeFailure(error, service, identityPoolId);
    throw new SetupError(
      `streaming was changed, the sync trigger was not: ${reason}; run the same command again to finish`,
      { cause: error },
    );
  }
}
