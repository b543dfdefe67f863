import {
  createOptionalIndexes,
  OPTIONAL_INDEX_NAMES,
  type OptionalIndexName,
} from '../../../lib/projection/store/optional-indexes.ts';
import { readCommandLine } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';

const ANSWERS: Record<OptionalIndexName, string> = {
  numeric: 'queries of query.records_of(key) by numeric_value',
  text: 'queries of query.records_with(key, value)',
  changes: 'the list of changes (/query/changes) and export --since',
};
// The lost write speed was measured in rows per second, for inserts and updates, on PostgreSQL and on the embedded
// database.
const WRITE_SPEED = 'a quarter to a third of the write speed';
const COSTS: Record<OptionalIndexName, string> = {
  numeric: WRITE_SPEED,
  text: WRITE_SPEED,
  changes: 'about 40 % of what Aurora DSQL charges for full batches of events',
};

/** Lists the optional indexes with their cost, or adds or drops an index. */
export const indexes: Command = {
  prepare(args) {
    const { values, positionals } = readCommandLine(args, {});
    const [action, name, ...more] = positionals;
    const { json: asJson } = values;
    if (action === undefined) return (deps) => list(deps, asJson);
    if (action !== 'add' && action !== 'drop') throw new UsageError(`indexes: unknown action ${action}`);
    const index = OPTIONAL_INDEX_NAMES.find((known) => known === name);
    if (index === undefined || more.length > 0) {
      throw new UsageError(`indexes ${action} takes one of ${OPTIONAL_INDEX_NAMES.join(', ')}`);
    }
    return (deps) => (action === 'add' ? add(index, deps, asJson) : drop(index, deps, asJson));
  },
};

async function list({ database, print }: CommandDeps, asJson: boolean): Promise<void> {
  const listed = await createOptionalIndexes(database).list();
  if (asJson) {
    printJson(print, { indexes: listed });
    return;
  }
  for (const { name, state, bytes } of listed) {
    const size = state === 'absent' ? '' : sizeOf(bytes);
    print(
      `${name.padEnd(9)}${state.padEnd(10)}${size.padStart(9)}  for ${ANSWERS[name]}; costs ${COSTS[name]}`,
    );
    if (state === 'broken')
      print(`${''.padEnd(9)}its build was interrupted; run \`indexes add ${name}\` to build it again`);
  }
}

async function add(
  name: OptionalIndexName,
  { database, print, now }: CommandDeps,
  asJson: boolean,
): Promise<void> {
  const optionalIndexes = createOptionalIndexes(database);
  const start = now();
  const announce = () => print(`${name}: building the index for ${ANSWERS[name]}; it costs ${COSTS[name]}`);
  const isBuilt = await optionalIndexes.add(name, asJson ? undefined : announce);
  const bytes = (await optionalIndexes.list()).find((index) => index.name === name)?.bytes ?? 0;
  const tookMs = now() - start;
  if (asJson) {
    printJson(print, { name, isBuilt, tookMs, bytes });
    return;
  }
  const seconds = (tookMs / 1000).toFixed(1);
  print(`${name}: ${isBuilt ? `ready after ${seconds} s` : 'already exists'}, ${sizeOf(bytes)}`);
}

async function drop(
  name: OptionalIndexName,
  { database, print }: CommandDeps,
  asJson: boolean,
): Promise<void> {
  const isDropped = await createOptionalIndexes(database).drop(name);
  if (asJson) printJson(print, { name, isDropped });
  else print(`${name}: ${isDropped ? 'dropped' : 'does not exist'}`);
}

function sizeOf(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
