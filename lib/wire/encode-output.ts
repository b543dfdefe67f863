import type { Shape, Structure } from './shape.ts';
import { formatTimestamp } from './timestamp.ts';

/**
 * Writes an operation's output as the body of its response: the members of the API model, in its order, dates from epoch
 * milliseconds to epoch seconds.
 *
 * @param unset what is not set is an explicit null, as Cognito Sync sends it, or left out, as Cognito Identity does
 * @throws {TypeError} where the output is not what the API model says: a mistake of the operation
 */
export function encodeOutput(output: Structure, value: object, unset: 'null' | 'left out'): string {
  const encoded = encode(output, value, '');
  return unset === 'null'
    ? JSON.stringify(encoded)
    : JSON.stringify(encoded, (_, inner: unknown) => inner ?? undefined);
}

function encode(shape: Shape, value: unknown, at: string): unknown {
  if (value === undefined || value === null) return null;
  switch (shape.kind) {
    case 'string':
      return typeof value === 'string' ? value : mistaken(at);
    case 'boolean':
      return typeof value === 'boolean' ? value : mistaken(at);
    case 'integer':
      return Number.isInteger(value) ? value : mistaken(at);
    case 'timestamp':
      return typeof value === 'number' && Number.isFinite(value) ? formatTimestamp(value) : mistaken(at);
    case 'list':
      return Array.isArray(value) ? value.map((entry) => encode(shape.entry, entry, at)) : mistaken(at);
    case 'map':
      return encodeMap(shape.entry, value, at);
    case 'structure':
      return encodeStructure(shape, value, at);
  }
}

function encodeMap(entry: Shape, value: unknown, at: string): object {
  if (typeof value !== 'object' || value === null) return mistaken(at);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, encode(entry, inner, at)]));
}

function encodeStructure({ members }: Structure, value: unknown, at: string): object {
  if (typeof value !== 'object' || value === null) return mistaken(at);
  const encoded: Record<string, unknown> = {};
  for (const { name, shape } of members) {
    encoded[name] = encode(shape, Reflect.get(value, name), `${at}.${name}`);
  }
  return encoded;
}

function mistaken(at: string): never {
  throw new TypeError(`the output's ${at.slice(1)} is not of its type in the API model`);
}
