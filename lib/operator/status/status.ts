import { SyncApiError } from '../../bulk-publish/sync-api-port.ts';
import { SetupError } from '../../errors.ts';
import { createPublishStore } from '../../store/publish-store.ts';
import { createStatusStore } from '../../store/status-store.ts';
import { readPool } from '../arguments.ts';
import type { Command, CommandDeps } from '../command.ts';
import { readOptions } from '../command-line.ts';
import { type OperatedService, openServiceIfAny, wordFailure } from '../operated-service.ts';
import { count } from '../words.ts';
import { describeStatus, whatNeedsSomebody } from './describe-status.ts';
import { readStatus } from './read-status.ts';
import type { StatusReport } from './status-report.ts';
import { statusToJson } from './status-to-json.ts';

interface StatusArguments {
  /** Null for all. */
  identityPoolId: string | null;
  isCheck: boolean;
  asJson: boolean;
}

/** How pools, streams and query store stand. */
export const status: Command = {
  summary:
    'stream, sync trigger, lag, quarantine, last bulk publish and gaps; --check fails where something needs somebody',
  usage: ['status [--pool <id>] [--check] [--json]'],
  prepare(args) {
    const values = readOptions('status', args, {
      pool: { type: 'string' },
      check: { type: 'boolean', default: false },
    });
    const identityPoolId = values.pool === undefined ? null : readPool('status', values.pool);
    return (deps) => run({ identityPoolId, isCheck: values.check, asJson: values.json }, deps);
  },
};

/** @throws {SetupError} there is no such pool; under `--check`, something is to be looked at */
async function run({ identityPoolId, isCheck, asJson }: StatusArguments, deps: CommandDeps): Promise<void> {
  // Without a service there is what the query store knows.
  const { service, why } = await openServiceIfAny(deps.openService, identityPoolId ?? undefined);
  try {
    const report = await read(deps, { service, why, identityPoolId });
    for (const line of asJson ? [statusToJson(report)] : describeStatus(report)) deps.print(line);
    const todo = whatNeedsSomebody(report);
    if (isCheck && todo.length > 0) {
      throw new SetupError(`${count(todo.length, 'thing')} to be looked at`);
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
    if (!(error instanceof SyncApiError) || service === null) throw error;
    throw new SetupError(wordFailure(error, service, identityPoolId ?? undefined), { cause: error });
  }
}
