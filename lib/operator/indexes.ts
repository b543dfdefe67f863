import { parseArgs } from 'node:util';
import { createValueIndexes, VALUE_INDEX_NAMES, type ValueIndexName } from '../store/value-indexes.ts';
import { type Command, type CommandDeps, UsageError } from './command.ts';

const ANSWERS: Record<ValueIndexName, string> = {
  numeric: 'query.records_of(key) by numeric_value',
  text: 'query.records_with(key, value)',
};
// Measured: rows written a second, on PostgreSQL and on the embedded database, new rows and newer ones.
const COST = 'a quarter to a third of the speed of writing';

/** Which indexes on values there are, and what each costs; adds and drops them. */
export const indexes: Command = {
  summary: `list, build or drop the indexes on values; each costs ${COST}`,
  usage: ['indexes', 'indexes add numeric|text', 'indexes drop numeric|text'],
  prepare(args) {
    const [action, name, ...more] = parseArgs({ args, allowPositionals: true }).positionals;
    if (action === undefined) return list;
    if (action !== 'add' && action !== 'drop') throw new UsageError(`indexes: there is no ${action}`);
    const index = VALUE_INDEX_NAMES.find((known) => known === name);
    if (index === undefined || more.length > 0) {
      throw new UsageError(`indexes ${action} takes one of ${VALUE_INDEX_NAMES.join(', ')}`);
    }
    return (deps) => (action === 'add' ? add(index, deps) : drop(index, deps));
  },
};

async function list({ database, print }: CommandDeps): Promise<void> {
  for (const { name, state, bytes } of await createValueIndexes(database).list()) {
    const size = state === 'absent' ? '' : sizeOf(bytes);
    print(`${name.padEnd(9)}${state.padEnd(10)}${size.padStart(9)}  ${ANSWERS[name]}`);
    if (state === 'broken')
      print(`${''.padEnd(9)}building it was cut off; \`indexes add ${name}\` builds it anew`);
  }
  print(`Each costs ${COST}.`);
}

async function add(name: ValueIndexName, { database, print, now }: CommandDeps): Promise<void> {
  const valueIndexes = createValueIndexes(database);
  const start = now();
  print(`${name}: building the index for ${ANSWERS[name]}; it costs ${COST}`);
  const built = await valueIndexes.add(name);
  const bytes = (await valueIndexes.list()).find((index) => index.name === name)?.bytes ?? 0;
  const seconds = ((now() - start) / 1000).toFixed(1);
  print(`${name}: ${built ? `ready after ${seconds} s` : 'was there already'}, ${sizeOf(bytes)}`);
}

async function drop(name: ValueIndexName, { database, print }: CommandDeps): Promise<void> {
  const dropped = await createValueIndexes(database).drop(name);
  print(`${name}: ${dropped ? 'dropped' : 'there was none'}`);
}

function sizeOf(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}
