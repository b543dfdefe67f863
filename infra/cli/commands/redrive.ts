import { resolve } from 'node:path';
import { failureObjects, isInBucket } from '../../../lib/aws/failure-objects.ts';
import { SetupError, ValueRefusedError } from '../../../lib/common/errors.ts';
import {
  type FailureObject,
  failureObjectName,
  readFailureObject,
} from '../../../lib/projection/failure-object.ts';
import {
  type RedriveOutcome,
  redriveDeliveries,
  redriveQuarantine,
} from '../../../lib/projection/redrive.ts';
import { createQuarantineStore } from '../../../lib/projection/store/quarantine-store.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { createRedrivenObjects } from '../../../lib/projection/store/redriven-objects.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { readCommandLine } from '../command-line.ts';
import { count } from '../terminal/format.ts';
import { skipSilentOrigins } from './redrive/skip-silent-origins.ts';

/** Projects once more what was kept because it could not be projected, and says what never can be. */
export const redrive: Command = {
  summary: 'project again what lies in quarantine, or what Lambda put into its failure destination',
  usage: ['redrive [--dismiss] [--json]', 'redrive --failures s3://bucket/prefix|directory [--json]'],
  prepare(args) {
    const { failures, isDismissing, asJson } = readArguments(args);
    return (deps) =>
      failures === undefined
        ? fromQuarantine(deps, { isDismissing, asJson })
        : fromFailures(failures, deps, asJson);
  },
  fromAnywhere(args, cwd) {
    const { failures, asJson } = readArguments(args);
    if (failures === undefined || isInBucket(failures)) return args;
    return ['--failures', resolve(cwd, failures), ...(asJson ? ['--json'] : [])];
  },
};

interface RedriveArguments {
  /** Where the failure objects are; undefined where the quarantine is meant. */
  failures: string | undefined;
  /** What cannot be projected as it is, is settled. */
  isDismissing: boolean;
  asJson: boolean;
}

function readArguments(args: string[]): RedriveArguments {
  const { values, positionals } = readCommandLine(args, {
    failures: { type: 'string' },
    dismiss: { type: 'boolean', default: false },
  });
  if (positionals.length > 0) throw new UsageError(`redrive does not take ${positionals[0]}`);
  if (values.failures === '') throw new UsageError('--failures takes an address in S3 or a directory');
  if (values.failures !== undefined && values.dismiss) {
    throw new UsageError('redrive --dismiss is for what lies in quarantine: without --failures');
  }
  return { failures: values.failures, isDismissing: values.dismiss, asJson: values.json };
}

interface Left {
  objects: number;
  /** Objects that could not be read, or hold what no table can. */
  failed: number;
  /** Events. */
  unavailable: number;
}

async function fromQuarantine(
  deps: CommandDeps,
  { isDismissing, asJson }: Omit<RedriveArguments, 'failures'>,
): Promise<void> {
  const outcome = await redriveQuarantine({ ...toRedriveDeps(deps), isDismissing });
  const never = countRefused(outcome);
  if (asJson) {
    deps.print(JSON.stringify({ quarantine: { ...toJson(outcome), dismissed: isDismissing ? never : 0 } }));
  } else {
    deps.print(`quarantine: ${describe(outcome)}`);
    if (never > 0) deps.print(isDismissing ? describeDismissed(never) : DISMISS_HINT);
  }
  requireNothingLeft({ objects: 0, failed: 0, unavailable: outcome.unavailable });
}

const DISMISS_HINT =
  'Where nothing can mend that, `redrive --dismiss` settles it: no bulk publish waits for it any more.';

function describeDismissed(events: number): string {
  return `Dismissed: ${count(events, 'event')}. What was not projected stays in query.quarantine for seven days more.`;
}

async function fromFailures(where: string, deps: CommandDeps, asJson: boolean): Promise<void> {
  const redriveDeps = toRedriveDeps(deps);
  const left: Left = { objects: 0, failed: 0, unavailable: 0 };
  const redriven = createRedrivenObjects(deps.database);
  const told: object[] = [];
  const say = asJson ? () => undefined : deps.print;
  for await (const object of failureObjects(where)) {
    left.objects += 1;
    try {
      const outcome = await redriveObject(object, redriveDeps);
      // What could not be projected lies in quarantine now.
      if (outcome?.unavailable === 0) await redriven.keep(failureObjectName(object.name), deps.now());
      left.unavailable += outcome?.unavailable ?? 0;
      const said = outcome ? describe(outcome) : 'is no object of a failure destination, left alone';
      say(`${object.name}: ${said}`);
      told.push({ name: object.name, outcome: outcome && toJson(outcome) });
    } catch (error) {
      // It is this object that is wrong. Anything else would be so for the next one, too.
      if (!(error instanceof SetupError || error instanceof ValueRefusedError)) throw error;
      left.failed += 1;
      say(`${object.name}: ${error.message}`);
      told.push({ name: object.name, error: error.message });
    }
  }
  if (asJson) deps.print(JSON.stringify({ failures: where, objects: told }));
  if (left.objects === 0) say(`${where} holds nothing`);
  else say('The objects are left where they are; running this again does no harm.');
  requireNothingLeft(left);
}

/** @returns null where it is no object of a failure destination */
async function redriveObject(
  { read }: FailureObject,
  deps: ReturnType<typeof toRedriveDeps>,
): Promise<RedriveOutcome | null> {
  const deliveries = readFailureObject(await read());
  return deliveries && redriveDeliveries(deliveries, deps);
}

function toRedriveDeps({ database, fetchPayload, now }: CommandDeps) {
  return {
    store: { ...createQueryStore(database), ...createQuarantineStore(database) },
    fetchPayload: skipSilentOrigins(fetchPayload, now),
  };
}

function toJson({ projected, unavailable, refused }: RedriveOutcome) {
  return { projected, unavailable, refused: Object.fromEntries(refused) };
}

function describe({ projected, unavailable, refused }: RedriveOutcome): string {
  const reasons = Array.from(refused, ([word, events]) => `${events} ${word}`).join(', ');
  return [
    `${projected} projected`,
    `${countRefused({ refused })} can not be projected as they are${reasons && ` (${reasons}; docs/query.md says what that means)`}`,
    ...(unavailable > 0 ? [`${unavailable} not to be had for now: try again later`] : []),
  ].join(', ');
}

function countRefused({ refused }: Pick<RedriveOutcome, 'refused'>): number {
  return [...refused.values()].reduce((sum, events) => sum + events, 0);
}

/** @throws {SetupError} something is to be done again, or by somebody */
function requireNothingLeft({ objects, failed, unavailable }: Left): void {
  const events = unavailable === 1 ? '1 event was' : `${unavailable} events were`;
  const left = [
    ...(failed > 0 ? [`${failed} of ${objects} objects failed`] : []),
    ...(unavailable > 0 ? [`${events} not to be had for now; run this again later`] : []),
  ];
  if (left.length > 0) throw new SetupError(left.join(', '));
}
