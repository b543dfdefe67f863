import type { OperatedService } from '../../../lib/backfill/ports/operated-service.ts';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { createPublishStore } from '../../../lib/backfill/store/publish-store.ts';
import { createStatusStore } from '../../../lib/backfill/store/status-store.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { readOptions, readPool } from '../arguments.ts';
import type { Command, CommandDeps } from '../command.ts';
import { count } from '../terminal/format.ts';
import { printJson } from '../terminal/print-json.ts';
import { describeFailure, openServiceIfAny } from '../with-service.ts';
import { describeStatus } from './status/describe-status.ts';
import { readStatus } from './status/read-status.ts';
import { findingsOf } from './status/status-findings.ts';
import type { StatusReport } from './status/status-report.ts';
import { statusToJson } from './status/status-to-json.ts';

interface StatusArguments {
  /** Null for all pools. */
  identityPoolId: string | null;
  isCheck: boolean;
  asJson: boolean;
}

/** Reports the state of pools, streams and the query store. */
export const status: Command = {
  prepare(args) {
    const values = readOptions('status', args, {
      pool: { type: 'string' },
      check: { type: 'boolean', default: false },
    });
    const identityPoolId = values.pool === undefined ? null : readPool('status', values.pool);
    return (deps) => run({ identityPoolId, isCheck: values.check, asJson: values.json }, deps);
  },
};

/**
 * Prints the report.
 * @throws {SetupError} the pool does not exist; or `--check` is given and something needs attention
 */
async function run({ identityPoolId, isCheck, asJson }: StatusArguments, deps: CommandDeps): Promise<void> {
  // If the service cannot be opened, the report contains only what the query store knows.
  const { service, why } = await openServiceIfAny(deps.openService, identityPoolId ?? undefined);
  try {
    const report = await read(deps, { service, why, identityPoolId });
    if (asJson) printJson(deps.print, statusToJson(report));
    else for (const line of describeStatus(report)) deps.print(line);
    const todo = findingsOf(report);
    if (isCheck && todo.length > 0) {
      throw new SetupError(count(todo.length, 'item needs attention', 'items need attention'));
    }
  } finally {
    service?.close();
  }
}

async function read(
  { database, now }: CommandDeps,
  {
    service,
    why,
    identityPoolId,
  }: { service: OperatedService | null; why: string | null; identityPoolId: string | null },
): Promise<StatusReport> {
  const store = { ...createStatusStore(database), ...createPublishStore(database) };
  try {
    return await readStatus({ store, service, why, now }, identityPoolId);
  } catch (error) {
    if (!(error instanceof SyncClientError) || service === null) throw error;
    throw new SetupError(describeFailure(error, service, identityPoolId ?? undefined), { cause: error });
  }
}
