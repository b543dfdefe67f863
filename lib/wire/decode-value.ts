import { isObject } from '../common/json.ts';
import { brokenConstraints, type Constraints, isSecret } from './constraints.ts';
import type { Member, Shape, Structure } from './shape.ts';
import { parseTimestamp } from './timestamp.ts';
import type { Violations } from './violations.ts';

/** The context for decoding one input, shared by all its values. */
export interface Decoding {
  constraints: Constraints;
  violations: Violations;
}

/** The position of a value in the input. Its path is built only if the value is invalid. */
export interface Place {
  /** The member that the value belongs to. */
  member: string;
  /** The position within the member, such as `1.member` in a list. Absent for the member's own value. */
  step?: string;
  /** The place that contains the value. Absent at the top level. */
  parent?: Place | undefined;
  decoding: Decoding;
}

/**
 * Decodes a JSON value according to the API model. If the value is invalid, adds errors to `violations`; the result
 * must then not be used. Treats null as absent. Ignores members that the model does not have.
 *
 * @returns texts, integers, booleans, epoch milliseconds, and arrays and objects of these; undefined for null
 */
function decodeValue(shape: Shape, value: unknown, place: Place): unknown {
  if (value === undefined || value === null) return undefined;
  switch (shape.kind) {
    case 'string':
      return decodeString(value, place);
    case 'integer':
      // Adding 0 converts -0 to 0.
      return Number.isInteger(value)
        ? checkConstraints(Number(value) + 0, place)
        : reject(place, 'an integer', value);
    case 'boolean':
      return typeof value === 'boolean' ? value : reject(place, 'true or false', value);
    case 'timestamp':
      return parseTimestamp(value) ?? reject(place, 'a date in epoch seconds, of the years 1 to 9999', value);
    case 'list':
      if (!Array.isArray(value)) return reject(place, 'a list', value);
      return isWithinLength(value, place) ? decodeList(shape.entry, value, place) : undefined;
    case 'map':
      if (!isObject(value)) return reject(place, 'a map', value);
      return isWithinLength(value, place) ? decodeMap(shape.entry, value, place) : undefined;
    case 'structure':
      return isObject(value)
        ? decodeMembers(shape, value, place.decoding, place)
        : reject(place, 'a structure', value);
  }
}

/** Decodes the value of a member. Reports a missing value of a required member. */
export function decodeMember({ shape, required }: Member, value: unknown, place: Place): unknown {
  if (required) requireValue(value, place);
  return decodeValue(shape, value, place);
}

/**
 * Decodes the members of a JSON object.
 * @param parent the place that contains the object; absent if the object is the input itself
 */
export function decodeMembers(
  { members }: Structure,
  value: Readonly<Record<string, unknown>>,
  decoding: Decoding,
  parent?: Place,
): Record<string, unknown> {
  const decoded: Record<string, unknown> = {};
  for (const member of members) {
    const { name } = member;
    const given = Object.hasOwn(value, name) ? value[name] : undefined;
    decoded[name] = decodeMember(member, given, { member: name, parent, decoding });
  }
  return decoded;
}

function requireValue(value: unknown, place: Place): void {
  if (value === undefined || value === null) {
    place.decoding.violations.add({ at: pathTo(place), value: null, must: 'Member must not be null' });
  }
}

/** Returns the path of a value as AWS writes it in messages: `recordPatches.1.member.syncCount`, counted from 1. */
export function pathTo({ member, step, parent }: Place): string {
  const own = step ?? `${member.charAt(0).toLowerCase()}${member.slice(1)}`;
  return parent ? `${pathTo(parent)}.${own}` : own;
}

function decodeString(value: unknown, place: Place): string | undefined {
  if (typeof value !== 'string') return reject(place, 'a string', value);
  // SQL text can store neither NUL characters nor lone surrogates. UTF-8 cannot represent lone surrogates.
  if (value.includes('\0')) return reject(place, 'without NUL');
  if (!value.isWellFormed()) return reject(place, 'without lone surrogates');
  return checkConstraints(value, place);
}

/**
 * Checks the length of a list or map before its entries are decoded. A list or map that is too long is therefore
 * rejected at a cost that does not depend on its entries.
 */
function isWithinLength(entries: object, place: Place): boolean {
  const broken = brokenConstraints(place.decoding.constraints, place.member, entries);
  for (const must of broken) report(place, must, entries);
  return broken.length === 0;
}

function decodeList(entry: Shape, values: readonly unknown[], parent: Place): unknown[] {
  return values.map((value, index) => {
    const place = placeIn(parent, `${index + 1}.member`);
    requireValue(value, place);
    return decodeValue(entry, value, place);
  });
}

function decodeMap(entry: Shape, map: Record<string, unknown>, parent: Place): Record<string, unknown> {
  const entries = Object.entries(map).map(([key, value]) => {
    const place = placeIn(parent, 'value');
    decodeString(key, { ...placeIn(parent, 'key'), member: `${parent.member}.key` });
    requireValue(value, place);
    return [key, decodeValue(entry, value, place)];
  });
  return Object.fromEntries(entries);
}

function placeIn(parent: Place, step: string): Place {
  return { member: parent.member, step, parent, decoding: parent.decoding };
}

function checkConstraints<Value extends string | number>(value: Value, place: Place): Value {
  for (const must of brokenConstraints(place.decoding.constraints, place.member, value))
    report(place, must, value);
  return value;
}

function reject(place: Place, what: string, value?: unknown): undefined {
  report(place, `Member must be ${what}`, value);
}

/**
 * Reports a violated constraint. Includes the value in the message only if it is a text or number and is not secret.
 */
function report(place: Place, must: string, value: unknown): void {
  const at = pathTo(place);
  const { constraints, violations } = place.decoding;
  const isPlain = typeof value === 'string' || typeof value === 'number';
  const isNamed = isPlain && !isSecret(constraints, place.member);
  violations.add(isNamed ? { at, must, value } : { at, must });
}
