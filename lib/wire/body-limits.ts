/** Limits on the body that the service reads for an operation. */
export interface BodyLimit {
  maxBytes: number;
  /**
   * Maximum number of JSON values, or of parameters in a form. The limit bounds the cost of parsing, which depends more
   * on the number of values than on the number of bytes.
   */
  maxValues: number;
}

const KIB = 1024;

/** For operations whose input has no tokens or records, only names, ARNs and settings. */
const SMALL: BodyLimit = { maxBytes: 64 * KIB, maxValues: 2_000 };
/** For operations with logins: ten tokens of 50,000 ASCII characters each. Source: API model of Cognito Identity. */
const LOGINS: BodyLimit = { maxBytes: 512 * KIB, maxValues: 2_000 };

const LIMITS: ReadonlyMap<string, BodyLimit> = new Map([
  // `maxBytes` is enough for a dataset of 1 MiB in its longest JSON form, in which a client writes every character as
  // `\uXXXX`. `maxValues` allows six values for each of the 5,000 patches that constraints.ts allows. Parsing takes at
  // most 50 ms.
  ['UpdateRecords', { maxBytes: 6 * KIB * KIB, maxValues: 30_000 }],
  ['GetId', LOGINS],
  ['GetCredentialsForIdentity', LOGINS],
  ['GetOpenIdToken', LOGINS],
  ['GetOpenIdTokenForDeveloperIdentity', LOGINS],
  ['UnlinkIdentity', LOGINS],
  // Ten providers with 25 rules each. A rule has up to 2,240 characters.
  ['SetIdentityPoolRoles', { maxBytes: 1024 * KIB, maxValues: 2_000 }],
  // `maxBytes` is enough for a token of 20,000 characters that are all percent-encoded. Source: API model of AWS STS.
  ['AssumeRoleWithWebIdentity', { maxBytes: 128 * KIB, maxValues: 100 }],
]);

/** Returns the limit for the body of an operation, by its name in the API model. */
export function bodyLimitOf(operation: string): BodyLimit {
  return LIMITS.get(operation) ?? SMALL;
}
