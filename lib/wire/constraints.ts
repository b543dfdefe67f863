import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from '../common/bounds.ts';
import { MAX_STREAM_NAME_LENGTH, STREAM_NAME_PATTERN } from '../common/stream-name.ts';
import { MAX_RESULTS } from '../sync/page-size.ts';

export interface Pattern {
  text: string;
  matches(value: string): boolean;
}

export interface Constraint {
  /** In characters (code points), as the API model counts. */
  minLength?: number;
  maxLength?: number;
  /** An end of the text that `maxLength` leaves out. */
  uncounted?: RegExp;
  pattern?: Pattern;
  oneOf?: readonly string[];
  min?: number;
  max?: number;
  /** Of a map. */
  maxEntries?: number;
  /** Never repeated in an answer: what a record holds, and tokens. */
  secret?: true;
}

/**
 * What members of inputs must be beyond their type, by member name; for a list, what each of its entries must be, for a
 * map each of its values. What the keys of a map must be stands under the map's name and `.key`.
 */
export type Constraints = ReadonlyMap<string, Constraint>;

const NONE: Constraint = {};
export const ID: Constraint = { minLength: 1, maxLength: 55, pattern: wholly('[\\w-]+:[0-9a-f-]+') };
/** What a merge of identities puts behind a dataset's name: see lib/sync/jobs/merge-datasets.ts. */
const OF_MERGED_IDENTITY = /\.(?=.{1,55}$)[\w-]+:[0-9a-f-]+$/;
/** A larger long could not be told from its neighbours here; no count gets there. */
const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER };

/**
 * Of Cognito Sync, where no two inputs use one name for different things. From the API model of 2014-06-30; what is ours
 * says so.
 */
export const SYNC_CONSTRAINTS: Constraints = new Map(
  Object.entries<Constraint>({
    IdentityPoolId: ID,
    IdentityId: ID,
    // Ours: neither `.` nor `..`. Proxies and HTTP clients resolve them, and then the path is another one.
    // Ours, too: a copy made by a merge may be longer by the id of the identity that it came from; devices sync it, too.
    DatasetName: {
      minLength: 1,
      maxLength: 128,
      uncounted: OF_MERGED_IDENTITY,
      pattern: wholly('(?!\\.{1,2}$)[a-zA-Z0-9_.:-]+'),
    },
    DeviceId: { minLength: 1, maxLength: 256 },
    Key: { minLength: 1, maxLength: MAX_KEY_LENGTH },
    Value: { maxLength: MAX_VALUE_LENGTH, secret: true },
    Op: { oneOf: ['replace', 'remove'] },
    // Ours: the model gives these numbers no range.
    SyncCount: COUNT,
    LastSyncCount: COUNT,
    MaxResults: { min: 1, max: MAX_RESULTS },
    SyncSessionToken: { secret: true },
    NextToken: { secret: true },
    Token: { secret: true },
    Platform: { oneOf: ['APNS', 'APNS_SANDBOX', 'GCM', 'ADM'] },
    Events: { maxEntries: 1 },
    // Ours: the model has no pattern, and no stream can be called anything else.
    StreamName: { minLength: 1, maxLength: MAX_STREAM_NAME_LENGTH, pattern: wholly(STREAM_NAME_PATTERN) },
    StreamingStatus: { oneOf: ['ENABLED', 'DISABLED'] },
    RoleArn: { minLength: 20, maxLength: 2048, pattern: wholly('arn:aws:iam::\\d+:role/.*') },
    ApplicationArns: { pattern: wholly('arn:aws:sns:[-0-9a-z]+:\\d+:app/[A-Z_]+/[a-zA-Z0-9_.-]+') },
  }),
);

/** True where what the member holds is not to be repeated in an answer. */
export function isSecret(constraints: Constraints, member: string): boolean {
  return constraints.get(member)?.secret === true;
}

/**
 * What a member breaks of its constraints, each as AWS puts it: `Member must …`.
 *
 * @param member its name in the API model; for an entry of a list or map, that of the list or map; for a key of a map,
 *   the map's and `.key`
 * @param value a text, number or map of the right type
 */
export function brokenConstraints(
  constraints: Constraints,
  member: string,
  value: string | number | object,
): string[] {
  const constraint = constraints.get(member) ?? NONE;
  if (typeof value === 'string') return brokenByText(constraint, value);
  if (typeof value === 'number') return brokenByNumber(constraint, value);
  const { maxEntries = Number.POSITIVE_INFINITY } = constraint;
  if (Object.keys(value).length <= maxEntries) return [];
  return [`Member must have length less than or equal to ${maxEntries}`];
}

function brokenByText(
  { minLength = 0, maxLength, uncounted, pattern, oneOf }: Constraint,
  text: string,
): string[] {
  const musts: string[] = [];
  if (text.length < minLength) musts.push(`Member must have length greater than or equal to ${minLength}`);
  const counted = uncounted ? text.replace(uncounted, '') : text;
  if (maxLength !== undefined && isLonger(counted, maxLength)) {
    musts.push(`Member must have length less than or equal to ${maxLength}`);
  }
  if (pattern !== undefined && !pattern.matches(text)) {
    musts.push(`Member must satisfy regular expression pattern: ${pattern.text}`);
  }
  if (oneOf && !oneOf.includes(text)) musts.push(`Member must satisfy enum value set: [${oneOf.join(', ')}]`);
  return musts;
}

function brokenByNumber({ min, max }: Constraint, value: number): string[] {
  if (min !== undefined && value < min) return [`Member must have value greater than or equal to ${min}`];
  if (max !== undefined && value > max) return [`Member must have value less than or equal to ${max}`];
  return [];
}

/** Code points are counted only where it can matter. */
function isLonger(text: string, maxLength: number): boolean {
  return text.length > maxLength && (text.length > 2 * maxLength || [...text].length > maxLength);
}

/** A pattern holds for the whole text; the message shows it as the API model writes it. */
export function wholly(text: string): Pattern {
  const expression = new RegExp(`^(?:${text})$`);
  return { text, matches: (value) => expression.test(value) };
}
