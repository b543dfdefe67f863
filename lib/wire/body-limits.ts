/** The largest body that is read for an operation. */
export interface BodyLimit {
  maxBytes: number;
  /**
   * Maximum number of JSON values, or of parameters in a form. It bounds the cost of parsing, which otherwise depends on
   * the values more than on the bytes.
   */
  maxValues: number;
}

const KIB = 1024;

/** Operations without tokens or records: names, ARNs and settings. */
const SMALL: BodyLimit = { maxBytes: 64 * KIB, maxValues: 2_000 };
/** Ten tokens of 50,000 characters each, which are ASCII. Source: API model of Cognito Identity. */
const LOGINS: BodyLimit = { maxBytes: 512 * KIB, maxValues: 2_000 };

const LIMITS: ReadonlyMap<string, BodyLimit> = new Map([
  // A dataset of 1 MiB in its longest JSON form: some clients write every character as `\uXXXX`. Six values for each of
  // the 5,000 patches that constraints.ts allows. In the worst case they take 50 ms to parse.
  ['UpdateRecords', { maxBytes: 6 * KIB * KIB, maxValues: 30_000 }],
  ['GetId', LOGINS],
  ['GetCredentialsForIdentity', LOGINS],
  ['GetOpenIdToken', LOGINS],
  ['GetOpenIdTokenForDeveloperIdentity', LOGINS],
  // A token of 20,000 characters, all percent-encoded. Source: API model of AWS STS.
  ['AssumeRoleWithWebIdentity', { maxBytes: 128 * KIB, maxValues: 100 }],
]);

/** Returns the limit for the body of an operation, by its name in the API model. */
export function bodyLimitOf(operation: string): BodyLimit {
  return LIMITS.get(operation) ?? SMALL;
}
