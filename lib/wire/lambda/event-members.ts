import { isObject } from '../../common/json.ts';

/** Members of an event, not validated. */
export type EventMembers = Readonly<Record<string, unknown>>;

/** Values by name, with each name once. */
export type Single = ReadonlyMap<string, string>;

/** An event that no supported entry point creates. The message names the member and quotes no value. */
export class InvalidEventError extends Error {
  override name = 'InvalidEventError';

  constructor(member: string) {
    super(
      `the event is not a supported HTTP request: ${member} is missing or invalid; invoke the function through its URL, a REST API with Lambda proxy integration or an Application Load Balancer`,
    );
  }
}

/** @throws {InvalidEventError} the value is not an object */
export function members(value: unknown, name: string): EventMembers {
  if (!isObject(value)) throw new InvalidEventError(name);
  return value;
}

/** @throws {InvalidEventError} the value is not a text */
export function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new InvalidEventError(name);
  return value;
}

/**
 * Reads headers with one value or with a list of values each. Names become lower-case. The values of a repeated header
 * are joined with commas, as they are signed.
 *
 * @throws {InvalidEventError} the headers are not an object, or a value is not a text
 */
export function flattened(headers: unknown, name: string): Single {
  const values = new Map<string, string>();
  for (const [key, given] of Object.entries(members(headers, name))) {
    const lower = key.toLowerCase();
    const joined = listOf(given, `${name}.${lower}`).join(',');
    const before = values.get(lower);
    values.set(lower, before === undefined ? joined : `${before},${joined}`);
  }
  return values;
}

/**
 * Returns the query string of parameters with one value or with a list of values each. Their order may differ from the
 * client's; a signature does not depend on it.
 *
 * @param encode encodes names and values, if the entry point has decoded them
 * @throws {InvalidEventError} the parameters are not an object, or a value is not a text
 */
export function queryOf(parameters: unknown, encode: (raw: string) => string): string {
  if (parameters === undefined || parameters === null) return '';
  return Object.entries(members(parameters, 'queryStringParameters'))
    .flatMap(([name, given]) =>
      listOf(given, 'queryStringParameters').map((value) => `${encode(name)}=${encode(value)}`),
    )
    .join('&');
}

function listOf(value: unknown, name: string): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((item) => text(item, name));
}
