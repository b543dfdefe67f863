import type { OperatedService, PoolSettings } from '../../../../lib/backfill/operated-service.ts';
import { SyncClientError } from '../../../../lib/backfill/sync-client.ts';
import { SetupError } from '../../../../lib/common/errors.ts';
import { type ProcessDeps, UsageError } from '../../command.ts';
import { describeFailure, withService } from '../../operated-service.ts';
import { nobodyToAsk } from '../../terminal/confirm.ts';
import { type ConnectionPlan, describeSettings } from './plan-connection.ts';

interface ChangeOptions {
  identityPoolId: string;
  /** Whether somebody is to agree first. */
  isAsked: boolean;
  asJson: boolean;
  /** @throws {SetupError} it cannot be done as things are */
  plan: (is: PoolSettings) => ConnectionPlan;
  /** What the change brings with it. */
  warning?: string;
}

/**
 * Shows the settings of a pool and what will change, and changes it; says so where there is nothing to change.
 * @throws {SetupError} it could not be done; what was done until then is said, and doing it again finishes it
 * @throws {UsageError} there is nobody to agree; nothing was changed
 */
export async function changeSettings(deps: ProcessDeps, options: ChangeOptions): Promise<void> {
  const { identityPoolId, isAsked, asJson, warning } = options;
  const say = asJson ? () => undefined : deps.print;
  await withService(deps.openService, identityPoolId, async (service) => {
    const is = await service.settings.read(identityPoolId);
    const plan = options.plan(is);
    const { changes } = plan;
    const tell = (isChanged: boolean) => {
      if (asJson) deps.print(JSON.stringify({ identityPoolId, service: service.name, changes, isChanged }));
    };
    say(`${identityPoolId} at ${service.name}`);
    for (const line of describePlan(is, plan)) say(line);
    if (changes.length === 0) {
      tell(false);
      say('Nothing to change.');
      return;
    }
    if (warning !== undefined) say(warning);
    if (isAsked && asJson) {
      tell(false);
      throw new UsageError(nobodyToAsk());
    }
    if (isAsked) await deps.confirm('Proceed?');
    await apply(service, identityPoolId, plan);
    tell(true);
    say('Done.');
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
      `streaming is changed, the sync trigger is not: ${reason}; the same command again does the rest`,
      { cause: error },
    );
  }
}
