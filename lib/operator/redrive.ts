import { parseArgs } from 'node:util';
import { readFailureObject } from '../projection/failure-object.ts';
import { type RedriveOutcome, redriveDeliveries, redriveQuarantine } from '../projection/redrive.ts';
import { createQuarantineStore } from '../store/quarantine-store.ts';
import { createQueryStore } from '../store/query-store.ts';
import { type Command, type CommandDeps, UsageError } from './command.ts';
import { failureObjects } from './failure-objects.ts';

/** Projects once more what was kept because it could not be projected, and says what never can be. */
export const redrive: Command = {
  summary: 'project again what lies in quarantine, or what Lambda put into its failure destination',
  usage: ['redrive', 'redrive --failures s3://bucket/prefix|directory'],
  prepare(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { failures: { type: 'string' } },
    });
    if (positionals.length > 0) throw new UsageError(`redrive does not take ${positionals[0]}`);
    const { failures } = values;
    if (failures === '') throw new UsageError('--failures takes an address in S3 or a directory');
    return (deps) => (failures === undefined ? fromQuarantine(deps) : fromFailures(failures, deps));
  },
};

async function fromQuarantine(deps: CommandDeps): Promise<void> {
  const outcome = await redriveQuarantine({ ...toStores(deps), fetchPayload: deps.fetchPayload });
  deps.print(`quarantine: ${describe(outcome)}`);
}

async function fromFailures(where: string, deps: CommandDeps): Promise<void> {
  let objects = 0;
  for await (const { name, read } of failureObjects(where)) {
    objects += 1;
    const deliveries = readFailureObject(await read());
    if (deliveries === null) deps.print(`${name}: is no object of a failure destination, left alone`);
    else {
      const outcome = await redriveDeliveries(deliveries, {
        ...toStores(deps),
        fetchPayload: deps.fetchPayload,
      });
      deps.print(`${name}: ${describe(outcome)}`);
    }
  }
  if (objects === 0) deps.print(`${where} holds nothing`);
  else deps.print('The objects are left where they are; running this again changes nothing.');
}

function toStores({ database }: CommandDeps) {
  return { store: { ...createQueryStore(database), ...createQuarantineStore(database) } };
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
