import { isObject } from '../common/json.ts';
import { brokenConstraints, type Constraints, isSecret } from './constraints.ts';
import type { Member, Shape, Structure } from './shape.ts';
import { parseTimestamp } from './timestamp.ts';
import type { Violations } from './violations.ts';

/** What one input is read by; the same for all that is in it. */
export interface Decoding {
  constraints: Constraints;
  violations: Violations;
}

/** Where a value is. Its path is put together only where something is wrong there. */
export interface Place {
  /** The member it belongs to. */
  member: string;
  /** What it is called in there, such as `1.member` in a list; the member itself where it is absent. */
  step?: string;
  /** What it stands in; absent at the top. */
  up?: Place | undefined;
  decoding: Decoding;
}

/**
 * Reads a JSON value as what the API model says it is. What is wrong with it goes to the `violations`, and the answer is
 * then of no use. Null counts as absent; members that the model does not know are passed over.
 *
 * @returns texts, integers, booleans, epoch milliseconds, and arrays and objects of these; undefined for null
 */
function decodeValue(shape: Shape, value: unknown, place: Place): unknown {
  if (value === undefined || value === null) return undefined;
  switch (shape.kind) {
    case 'string':
      return decodeString(value, place);
    case 'integer':
      // Plus 0 makes a 0 of -0.
      return Number.isInteger(value)
        ? constrained(Number(value) + 0, place)
        : wrong(place, 'an integer', value);
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong(place, 'true or false', value);
    case 'timestamp':
      return parseTimestamp(value) ?? wrong(place, 'a date in epoch seconds, of the years 1 to 9999', value);
    case 'list':
      return Array.isArray(value) ? decodeList(shape.entry, value, place) : wrong(place, 'a list', value);
    case 'map':
      return isObject(value) ? decodeMap(shape.entry, value, place) : wrong(place, 'a map', value);
    case 'structure':
      return isObject(value)
        ? decodeMembers(shape, value, place.decoding, place)
        : wrong(place, 'a structure', value);
  }
}

/** Reads the value of a member, and reports a required one that is missing. */
export function decodeMember({ shape, required }: Member, value: unknown, place: Place): unknown {
  if (required) requireValue(value, place);
  return decodeValue(shape, value, place);
}

/**
 * Reads the members of a JSON object.
 * @param up what the object stands in; absent where it is the input itself
 */
export function decodeMembers(
  { members }: Structure,
  value: Readonly<Record<string, unknown>>,
  decoding: Decoding,
  up?: Place,
): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const member of members) {
    const { name } = member;
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    decoded[name] = decodeMember(member, given, { member: name, up, decoding });
  }
  return decoded;
}

function requireValue(value: unknown, place: Place): void {
  if (value === undefined || value === null) {
    place.decoding.violations.add({ at: pathTo(place), value: null, must: 'Member must not be null' });
  }
}

/** The way to a value in messages, as AWS writes it: `recordPatches.1.member.syncCount`, counted from 1. */
export function pathTo({ member, step, up }: Place): string {
  const own = step ?? `${member.charAt(0).toLowerCase()}${member.slice(1)}`;
  return up ? `${pathTo(up)}.${own}` : own;
}

function decodeString(value: unknown, place: Place): string | undefined {
  if (typeof value !== 'string') return wrong(place, 'a string', value);
  // Neither can be stored as text in SQL, or travel on in UTF-8.
  if (value.includes('\0')) return wrong(place, 'without NUL');
  if (!value.isWellFormed()) return wrong(place, 'without lone surrogates');
  return constrained(value, place);
}

function decodeList(entry: Shape, values: readonly unknown[], up: Place): unknown[] {
  return values.map((value, index) => {
    const place = inside(up, `${index + 1}.member`);
    requireValue(value, place);
    return decodeValue(entry, value, place);
  });
}

function decodeMap(entry: Shape, map: Record<string, unknown>, up: Place): Record<string, unknown> {
  const entries = Object.entries(constrained(map, up)).map(([key, value]) => {
    const place = inside(up, 'value');
    decodeString(key, { ...inside(up, 'key'), member: `${up.member}.key` });
    requireValue(value, place);
    return [key, decodeValue(entry, value, place)];
  });
  return Object.fromEntries(entries);
}

function inside(up: Place, step: string): Place {
  return { member: up.member, step, up, decoding: up.decoding };
}

function constrained<Value extends string | number | object>(value: Value, place: Place): Value {
  for (const must of brokenConstraints(place.decoding.constraints, place.member, value))
    report(place, must, value);
  return value;
}

function wrong(place: Place, what: string, value?: unknown): undefined {
  report(place, `Member must be ${what}`, value);
}

/** A value is repeated to who sent it unless it is secret, or no text or number. */
function report(place: Place, must: string, value: unknown): void {
  const at = pathTo(place);
  const { constraints, violations } = place.decoding;
  const isPlain = typeof value === 'string' || typeof value === 'number';
  const isNamed = isPlain && !isSecret(constraints, place.member);
  violations.add(isNamed ? { at, must, value } : { at, must });
}
