import type { Environment } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { isObject, tryParseJson } from '../common/json.ts';
import { nearestName } from '../common/nearest-name.ts';

/**
 * The uses of the database. Each use has its own connections. If the statements of one use are slow or wait for a lock,
 * the other uses still have connections.
 */
export type DatabaseUse = 'reads' | 'writes' | 'identity' | 'projection' | 'relay' | 'jobs';

/**
 * Number of connections of each use, and of the readers (`queries`). `waiting` is the maximum number of statements that
 * may wait for a connection. It applies separately to each use whose results clients wait for: `reads`, `writes` and
 * `identity`.
 */
export type Connections = Readonly<Record<DatabaseUse | 'queries' | 'waiting', number>>;

/** Creates a value for each use. */
export function forEachUse<Value>(create: (use: DatabaseUse) => Value): Record<DatabaseUse, Value> {
  return {
    reads: create('reads'),
    writes: create('writes'),
    identity: create('identity'),
    projection: create('projection'),
    relay: create('relay'),
    jobs: create('jobs'),
  };
}

/** The defaults add up to 30 connections. By default, PostgreSQL accepts 100. */
export const DEFAULT_CONNECTIONS: Connections = {
  /** Operations of Cognito Sync that only read. */
  reads: 6,
  /** All other operations of Cognito Sync. */
  writes: 6,
  identity: 4,
  projection: 4,
  relay: 2,
  /** Bulk publishes, the poller, sweeps, merges and deletions of pools. */
  jobs: 4,
  /** The query API, which only reads. */
  queries: 4,
  waiting: 1_000,
};

/** Maximum of each number. A larger number is treated as a mistake. */
const MAX = 10_000;

/**
 * Reads DATABASE_CONNECTIONS: a JSON object with the numbers that differ from the defaults, such as `{"reads":12}`.
 *
 * @throws {SetupError} the value is not such an object; the message names the wrong member
 */
export function readConnections({ DATABASE_CONNECTIONS: text = '' }: Environment): Connections {
  if (text === '') return DEFAULT_CONNECTIONS;
  const connections = { ...DEFAULT_CONNECTIONS };
  for (const [name, value] of Object.entries(parseObject(text))) {
    if (!isMember(name)) throw invalid(`unknown member ${JSON.stringify(name)}; ${adviceFor(name)}`);
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > MAX) {
      throw invalid(`${name} must be a whole number from 1 to ${MAX}`);
    }
    connections[name] = value;
  }
  return connections;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  const parsed = tryParseJson(text);
  if (!isObject(parsed)) throw invalid('it is not a JSON object; use JSON such as {"reads":12,"writes":12}');
  return parsed;
}

function isMember(name: string): name is keyof Connections {
  return Object.hasOwn(DEFAULT_CONNECTIONS, name);
}

function adviceFor(name: string): string {
  const names = Object.keys(DEFAULT_CONNECTIONS);
  const nearest = nearestName(name, names);
  return nearest === undefined ? `use one of ${names.join(', ')}` : `did you mean ${nearest}?`;
}

function invalid(problem: string): SetupError {
  return new SetupError(`invalid DATABASE_CONNECTIONS: ${problem}`);
}
