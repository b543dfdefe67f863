import { resolve } from 'node:path';
import { failureObjects, isInBucket } from '../../../lib/aws/failure-objects.ts';
import { SetupError, ValueRefusedError } from '../../../lib/common/errors.ts';
import {
  type FailureObject,
  failureObjectName,
  readFailureObject,
} from '../../../lib/projection/failure-object.ts';
import { type RedriveOutcome, redriveDeliveries } from '../../../lib/projection/redrive.ts';
import { createRedrivenObjects } from '../../../lib/projection/store/redriven-objects.ts';
import { readCommandLine } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import {
  describe,
  type Left,
  redriveAll,
  requireNothingLeft,
  toJson,
  toRedriveDeps,
} from './redrive/from-quarantine.ts';

/**
 * Projects events again. The events are those in quarantine, or those in the objects of a failure destination. Reports
 * how many events cannot be projected in their current form.
 */
export const redrive: Command = {
  prepare(args) {
    const { failures, isDismissing, asJson } = readArguments(args);
    return (deps) =>
      failures === undefined
        ? redriveAll(deps, { isDismissing, asJson })
        : fromFailures(failures, deps, asJson);
  },
  fromAnywhere(args, cwd) {
    const { failures, asJson } = readArguments(args);
    if (failures === undefined || isInBucket(failures)) return args;
    return ['--failures', resolve(cwd, failures), ...(asJson ? ['--json'] : [])];
  },
  sharedPath(args) {
    const { failures } = readArguments(args);
    return failures === undefined || isInBucket(failures) ? undefined : { path: failures, isWritten: false };
  },
};

interface RedriveArguments {
  /** Location of the failure objects; undefined for the quarantine. */
  failures: string | undefined;
  /**
   * Whether to dismiss events that cannot be projected in their current form. Bulk publishes do not wait for dismissed
   * events.
   */
  isDismissing: boolean;
  asJson: boolean;
}

function readArguments(args: string[]): RedriveArguments {
  const { values, positionals } = readCommandLine(args, {
    failures: { type: 'string' },
    dismiss: { type: 'boolean', default: false },
  });
  if (positionals.length > 0) throw new UsageError(`redrive does not take ${positionals[0]}`);
  if (values.failures === '') throw new UsageError('--failures takes an S3 URI or a directory');
  if (values.failures !== undefined && values.dismiss) {
    throw new UsageError('--dismiss applies to the quarantine; it cannot be combined with --failures');
  }
  return { failures: values.failures, isDismissing: values.dismiss, asJson: values.json };
}

async function fromFailures(where: string, deps: CommandDeps, asJson: boolean): Promise<void> {
  const redriveDeps = toRedriveDeps(deps);
  const left: Left = { objects: 0, failed: 0, unavailable: 0 };
  const redriven = createRedrivenObjects(deps.database);
  const reports: object[] = [];
  const printUnlessJson = asJson ? () => undefined : deps.print;
  for await (const object of failureObjects(where)) {
    left.objects += 1;
    try {
      const outcome = await redriveObject(object, redriveDeps);
      // The object is marked as redriven only if all its events are now projected or in quarantine. An object with an
      // unavailable payload must be redriven again.
      if (outcome?.unavailable === 0) await redriven.keep(failureObjectName(object.name), deps.now());
      left.unavailable += outcome?.unavailable ?? 0;
      const result = outcome
        ? describe(outcome)
        : 'skipped, because it is not an object of a failure destination';
      printUnlessJson(`${object.name}: ${result}`);
      reports.push({ name: object.name, outcome: outcome && toJson(outcome) });
    } catch (error) {
      // These errors concern only this object, so the next object is tried. Any other error would also occur for the
      // next object.
      if (!(error instanceof SetupError || error instanceof ValueRefusedError)) throw error;
      left.failed += 1;
      printUnlessJson(`${object.name}: ${error.message}`);
      reports.push({ name: object.name, error: error.message });
    }
  }
  if (asJson) printJson(deps.print, { failures: where, objects: reports });
  if (left.objects === 0) printUnlessJson(`${where} contains no objects`);
  else printUnlessJson('The objects were not deleted; running this command again is safe.');
  requireNothingLeft(left);
}

/**
 * Projects again the events in one object.
 * @returns null if the object does not have the format of a failure destination
 */
async function redriveObject(
  { read }: FailureObject,
  deps: ReturnType<typeof toRedriveDeps>,
): Promise<RedriveOutcome | null> {
  const deliveries = readFailureObject(await read());
  return deliveries && redriveDeliveries(deliveries, deps);
}
