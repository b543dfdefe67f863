import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from '../common/bounds.ts';
import { ID_PATTERN, MAX_ID_LENGTH, MERGED_SUFFIX_PATTERN } from '../common/identity-id.ts';
import { MAX_STREAM_NAME_LENGTH, STREAM_NAME_PATTERN } from '../common/stream-name.ts';
import { isLongerThan } from '../common/text.ts';
import { MAX_RESULTS } from '../sync/page-size.ts';

export interface Pattern {
  text: string;
  matches(value: string): boolean;
}

export interface Constraint {
  /** In characters (code points), as in the API model. */
  minLength?: number;
  maxLength?: number;
  /** Matches a suffix that `maxLength` does not count. */
  uncounted?: RegExp;
  pattern?: Pattern;
  oneOf?: readonly string[];
  min?: number;
  max?: number;
  /** Minimum number of entries of a list or map. */
  minEntries?: number;
  /** Maximum number of entries of a list or map. If there are more, the entries are not decoded. */
  maxEntries?: number;
  /** The value must never appear in an error response. Set for tokens and record values. */
  secret?: true;
}

/**
 * Constraints on input members, in addition to their type, by member name. The constraints of a list apply to each
 * entry. The constraints of a map apply to each value. Constraints on a map's keys have the map's name followed by
 * `.key`.
 */
export type Constraints = ReadonlyMap<string, Constraint>;

const NONE: Constraint = {};
export const ID: Constraint = { minLength: 1, maxLength: MAX_ID_LENGTH, pattern: fullMatch(ID_PATTERN) };
/** The suffix that a merge of identities adds to a dataset name; see lib/sync/jobs/merge-datasets.ts. */
const OF_MERGED_IDENTITY = new RegExp(MERGED_SUFFIX_PATTERN);
// This project's own addition: `.` and `..` are not allowed, because proxies and HTTP clients resolve them to a
// different path.
const PATH_SEGMENT = fullMatch('(?!\\.{1,2}$)[a-zA-Z0-9_.:-]+');
/**
 * Range of sync counts. JavaScript cannot represent larger integers exactly. In practice, no count reaches the maximum.
 */
const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER };

/**
 * Constraints of Cognito Sync. They are listed by member name only, because a name means the same in every input that
 * has it. Source: API model of 2014-06-30; comments mark this project's own additions.
 */
export const SYNC_CONSTRAINTS: Constraints = new Map(
  Object.entries<Constraint>({
    IdentityPoolId: ID,
    IdentityId: ID,
    // This project's own addition: the name of a copy that a merge of identities created ends with the id of the source
    // identity. This suffix does not count towards the 128 characters. Devices also sync such copies.
    DatasetName: {
      minLength: 1,
      maxLength: 128,
      uncounted: OF_MERGED_IDENTITY,
      pattern: PATH_SEGMENT,
    },
    // This project's own addition: the model defines no pattern, but a device id is a path segment as well.
    DeviceId: { minLength: 1, maxLength: 256, pattern: PATH_SEGMENT },
    // This project's own addition: twice the default limit of patches per call. The operation enforces the exact limit.
    RecordPatches: { maxEntries: 5_000 },
    Key: { minLength: 1, maxLength: MAX_KEY_LENGTH },
    Value: { maxLength: MAX_VALUE_LENGTH, secret: true },
    Op: { oneOf: ['replace', 'remove'] },
    // This project's own addition: the model defines no range for these numbers.
    SyncCount: COUNT,
    LastSyncCount: COUNT,
    MaxResults: { min: 1, max: MAX_RESULTS },
    SyncSessionToken: { secret: true },
    NextToken: { secret: true },
    Token: { secret: true },
    Platform: { oneOf: ['APNS', 'APNS_SANDBOX', 'GCM', 'ADM'] },
    Events: { maxEntries: 1 },
    // This project's own addition: the model defines no pattern, but Kinesis allows no other stream names.
    StreamName: { minLength: 1, maxLength: MAX_STREAM_NAME_LENGTH, pattern: fullMatch(STREAM_NAME_PATTERN) },
    StreamingStatus: { oneOf: ['ENABLED', 'DISABLED'] },
    RoleArn: { minLength: 20, maxLength: 2048, pattern: fullMatch('arn:aws:iam::\\d+:role/.*') },
    ApplicationArns: { pattern: fullMatch('arn:aws:sns:[-0-9a-z]+:\\d+:app/[A-Z_]+/[a-zA-Z0-9_.-]+') },
  }),
);

/** Whether the member's value must not appear in an error response. */
export function isSecret(constraints: Constraints, member: string): boolean {
  return constraints.get(member)?.secret === true;
}

/**
 * Returns a message in AWS's form, `Member must …`, for each constraint that the value violates.
 *
 * @param member the member's name in the API model. An entry of a list or map has the name of the list or map. A key of
 *   a map has the map's name followed by `.key`
 * @param value a text, number, list or map of the correct type
 */
export function brokenConstraints(
  constraints: Constraints,
  member: string,
  value: string | number | object,
): string[] {
  const constraint = constraints.get(member) ?? NONE;
  if (typeof value === 'string') return checkText(constraint, value);
  if (typeof value === 'number') return checkNumber(constraint, value);
  const { minEntries = 0, maxEntries = Number.POSITIVE_INFINITY } = constraint;
  const { length } = Array.isArray(value) ? value : Object.keys(value);
  if (length > maxEntries) return [`Member must have length less than or equal to ${maxEntries}`];
  return length < minEntries ? [`Member must have length greater than or equal to ${minEntries}`] : [];
}

function checkText(
  { minLength = 0, maxLength, uncounted, pattern, oneOf }: Constraint,
  text: string,
): string[] {
  const messages: string[] = [];
  if (!isLongerThan(text, minLength - 1))
    messages.push(`Member must have length greater than or equal to ${minLength}`);
  const counted = uncounted ? text.replace(uncounted, '') : text;
  if (maxLength !== undefined && isLongerThan(counted, maxLength)) {
    messages.push(`Member must have length less than or equal to ${maxLength}`);
  }
  if (pattern !== undefined && !pattern.matches(text)) {
    messages.push(`Member must satisfy regular expression pattern: ${pattern.text}`);
  }
  if (oneOf && !oneOf.includes(text))
    messages.push(`Member must satisfy enum value set: [${oneOf.join(', ')}]`);
  return messages;
}

function checkNumber({ min, max }: Constraint, value: number): string[] {
  if (min !== undefined && value < min) return [`Member must have value greater than or equal to ${min}`];
  if (max !== undefined && value > max) return [`Member must have value less than or equal to ${max}`];
  return [];
}

/** Creates a pattern that must match the whole text. Messages show the pattern as the API model spells it. */
export function fullMatch(text: string, flags = ''): Pattern {
  const expression = new RegExp(`^(?:${text})$`, flags);
  return { text, matches: (value) => expression.test(value) };
}
