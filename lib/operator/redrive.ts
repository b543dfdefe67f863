import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SetupError, ValueRefusedError } from '../errors.ts';
import { readFailureObject } from '../projection/failure-object.ts';
import { type RedriveOutcome, redriveDeliveries, redriveQuarantine } from '../projection/redrive.ts';
import { createQuarantineStore } from '../store/quarantine-store.ts';
import { createQueryStore } from '../store/query-store.ts';
import { type Command, type CommandDeps, UsageError } from './command.ts';
import { type FailureObject, failureObjects, isInBucket } from './failure-objects.ts';
import { skipSilentOrigins } from './skip-silent-origins.ts';

/** Projects once more what was kept because it could not be projected, and says what never can be. */
export const redrive: Command = {
  summary: 'project again what lies in quarantine, or what Lambda put into its failure destination',
  usage: ['redrive', 'redrive --failures s3://bucket/prefix|directory'],
  prepare(args) {
    const failures = readArguments(args);
    return (deps) => (failures === undefined ? fromQuarantine(deps) : fromFailures(failures, deps));
  },
  fromAnywhere(args, cwd) {
    const failures = readArguments(args);
    return failures === undefined || isInBucket(failures) ? args : ['--failures', resolve(cwd, failures)];
  },
};

/** @returns where the failure objects are; undefined where the quarantine is meant */
function readArguments(args: string[]): string | undefined {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { failures: { type: 'string' } },
  });
  if (positionals.length > 0) throw new UsageError(`redrive does not take ${positionals[0]}`);
  if (values.failures === '') throw new UsageError('--failures takes an address in S3 or a directory');
  return values.failures;
}

interface Left {
  objects: number;
  /** Objects that could not be read, or hold what no table can. */
  failed: number;
  /** Events. */
  unavailable: number;
}

async function fromQuarantine(deps: CommandDeps): Promise<void> {
  const outcome = await redriveQuarantine(toRedriveDeps(deps));
  deps.print(`quarantine: ${describe(outcome)}`);
  requireNothingLeft({ objects: 0, failed: 0, unavailable: outcome.unavailable });
}

async function fromFailures(where: string, deps: CommandDeps): Promise<void> {
  const redriveDeps = toRedriveDeps(deps);
  const left: Left = { objects: 0, failed: 0, unavailable: 0 };
  for await (const object of failureObjects(where)) {
    left.objects += 1;
    try {
      const outcome = await redriveObject(object, redriveDeps);
      left.unavailable += outcome?.unavailable ?? 0;
      const said = outcome ? describe(outcome) : 'is no object of a failure destination, left alone';
      deps.print(`${object.name}: ${said}`);
    } catch (error) {
      // It is this object that is wrong. Anything else would be so for the next one, too.
      if (!(error instanceof SetupError || error instanceof ValueRefusedError)) throw error;
      left.failed += 1;
      deps.print(`${object.name}: ${error.message}`);
    }
  }
  if (left.objects === 0) deps.print(`${where} holds nothing`);
  else deps.print('The objects are left where they are; running this again does no harm.');
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

function describe({ projected, unavailable, refused }: RedriveOutcome): string {
  const reasons = Array.from(refused, ([word, count]) => `${count} ${word}`).join(', ');
  const never = [...refused.values()].reduce((sum, count) => sum + count, 0);
  return [
    `${projected} projected`,
    `${never} can not be projected as they are${reasons && ` (${reasons}; docs/query.md says what that means)`}`,
    ...(unavailable > 0 ? [`${unavailable} not to be had for now: try again later`] : []),
  ].join(', ');
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
