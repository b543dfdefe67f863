import { isObject } from '../common/json.ts';
import type { Shape, Structure } from './shape.ts';
import { formatTimestamp } from './timestamp.ts';

/**
 * Encodes an operation's output as its response body, with the members in the order of the API model. Converts dates
 * from epoch milliseconds to epoch seconds.
 *
 * @param unset how to encode a member without a value: as null, like Cognito Sync, or omitted, like Cognito Identity
 * @throws {TypeError} the output does not match the API model, which is a bug in the operation
 */
export function encodeOutput(output: Structure, value: object, unset: 'null' | 'omitted'): string {
  const encoded = encodeMembers(output, value);
  return unset === 'null'
    ? JSON.stringify(encoded)
    : JSON.stringify(encoded, (_, inner: unknown) => inner ?? undefined);
}

/**
 * Encodes the members of an operation's output. Members without a value are encoded as null.
 * @throws {TypeError} the output does not match the API model, which is a bug in the operation
 */
export function encodeMembers(output: Structure, value: object): object {
  return encodeStructure(output, value, 'output');
}

/**
 * Encodes an output in parts, so that a long list is never in memory as a whole. `value` contains the first entries of
 * the list `member`, and `rest` provides the others. Members without a value are encoded as null. The list comes first
 * in the text. The member `Count` is the number of entries of the complete list. Each part is encoded only after the
 * caller has taken the previous text.
 *
 * @throws {TypeError} as `encodeOutput`; any error of `rest`
 */
export async function* encodeInParts(
  output: Structure,
  value: object,
  { member, rest }: { member: string; rest: AsyncIterable<readonly unknown[]> },
): AsyncGenerator<string> {
  const list = output.members.find(({ name }) => name === member)?.shape;
  if (list?.kind !== 'list') return typeMismatch(member);
  const first: unknown = Reflect.get(value, member);
  if (!Array.isArray(first)) return typeMismatch(member);
  let count = first.length;
  yield `{"${member}":${JSON.stringify(encode(list, first, member)).slice(0, -1)}`;
  for await (const part of rest) {
    if (part.length === 0) continue;
    const entries = JSON.stringify(encode(list, part, member)).slice(1, -1);
    yield count === 0 ? entries : `,${entries}`;
    count += part.length;
  }
  const others = { ...output, members: output.members.filter(({ name }) => name !== member) };
  yield `],${encodeOutput(others, { ...value, Count: count }, 'null').slice(1)}`;
}

function encode(shape: Shape, value: unknown, at: string): unknown {
  if (value === undefined || value === null) return null;
  switch (shape.kind) {
    case 'string':
      return typeof value === 'string' ? value : typeMismatch(at);
    case 'boolean':
      return typeof value === 'boolean' ? value : typeMismatch(at);
    case 'integer':
      return Number.isInteger(value) ? value : typeMismatch(at);
    case 'timestamp':
      return typeof value === 'number' && Number.isFinite(value) ? formatTimestamp(value) : typeMismatch(at);
    case 'list':
      return Array.isArray(value) ? value.map((entry) => encode(shape.entry, entry, at)) : typeMismatch(at);
    case 'map':
      return encodeMap(shape.entry, value, at);
    case 'structure':
      return encodeStructure(shape, value, at);
  }
}

function encodeMap(entry: Shape, value: unknown, at: string): object {
  if (!isObject(value)) return typeMismatch(at);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, encode(entry, inner, at)]));
}

function encodeStructure({ members }: Structure, value: unknown, at: string): object {
  if (!isObject(value)) return typeMismatch(at);
  const encoded: Record<string, unknown> = {};
  for (const { name, shape } of members) encoded[name] = encode(shape, value[name], name);
  return encoded;
}

/** @param at the name of the member, or of the member that contains the list or the map */
function typeMismatch(at: string): never {
  throw new TypeError(`the output member ${at} does not have the type that the API model defines`);
}
