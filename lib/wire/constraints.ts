import { MAX_STREAM_NAME_LENGTH, STREAM_NAME_PATTERN } from '../config.ts';
import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from '../stream/bounds.ts';
import { MAX_RESULTS } from '../sync/page-size.ts';

interface Pattern {
  text: string;
  matches(value: string): boolean;
}

interface Constraint {
  /** In characters (code points), as the API model counts. */
  minLength?: number;
  maxLength?: number;
  pattern?: Pattern;
  oneOf?: readonly string[];
  min?: number;
  max?: number;
  /** Of a map. */
  maxEntries?: number;
  /** Never repeated in an answer: what a record holds, and tokens. */
  secret?: true;
}

const ID = { minLength: 1, maxLength: 55, pattern: wholly('[\\w-]+:[0-9a-f-]+') };
/** A larger long could not be told from its neighbours here; no count gets there. */
const COUNT = { min: 0, max: Number.MAX_SAFE_INTEGER };

/**
 * What members of inputs must be beyond their type, by member name (no two inputs use one name for different things);
 * for a list, what each of its entries must be. From the API model of 2014-06-30; what is ours says so.
 */
const CONSTRAINTS: ReadonlyMap<string, Constraint> = new Map(
  Object.entries<Constraint>({
    IdentityPoolId: ID,
    IdentityId: ID,
    // Ours: neither `.` nor `..`. Proxies and HTTP clients resolve them, and then the path is another one.
    DatasetName: { minLength: 1, maxLength: 128, pattern: wholly('(?!\\.{1,2}$)[a-zA-Z0-9_.:-]+') },
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
export function isSecret(member: string): boolean {
  return constraintOf(member).secret === true;
}

/**
 * What a member breaks of its constraints, each as AWS puts it: `Member must …`.
 *
 * @param member its name in the API model; for an entry of a list or map, that of the list or map
 * @param value a text, number or map of the right type
 */
export function brokenConstraints(member: string, value: string | number | object): string[] {
  const constraint = constraintOf(member);
  if (typeof value === 'string') return brokenByText(constraint, value);
  if (typeof value === 'number') return brokenByNumber(constraint, value);
  const { maxEntries = Number.POSITIVE_INFINITY } = constraint;
  if (Object.keys(value).length <= maxEntries) return [];
  return [`Member must have length less than or equal to ${maxEntries}`];
}

function constraintOf(member: string): Constraint {
  return CONSTRAINTS.get(member) ?? {};
}

function brokenByText({ minLength = 0, maxLength, pattern, oneOf }: Constraint, text: string): string[] {
  const musts: string[] = [];
  if (text.length < minLength) musts.push(`Member must have length greater than or equal to ${minLength}`);
  if (maxLength !== undefined && isLonger(text, maxLength)) {
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
function wholly(text: string): Pattern {
  const expression = new RegExp(`^(?:${text})$`);
  return { text, matches: (value) => expression.test(value) };
}
