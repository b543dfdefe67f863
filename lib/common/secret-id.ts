// RDS names the secrets that it manages rds!db-… and rds!cluster-…
const NAME = /^[\w/+=.@!-]{1,512}$/;
const ARN = /^arn:[\w-]+:secretsmanager:([a-z0-9-]+):\d{12}:secret:[\w/+=.@!-]+$/;
/**
 * The suffix that Secrets Manager appends to a secret's name in the ARN. Source: AWS Secrets Manager User Guide,
 * "What's in a Secrets Manager secret".
 */
const SUFFIX = /-[A-Za-z0-9]{6}$/;

export interface SecretId {
  /** The name or ARN of the secret. */
  secretId: string;
  /** The region in the ARN. Null for a name, which is looked up in the caller's own region. */
  region: string | null;
}

/**
 * Parses the name or ARN of a secret.
 *
 * @returns the parsed id, or a text that says what is wrong. That text never quotes the input, which may be the secret
 *   itself
 */
export function parseSecretId(text: string): SecretId | string {
  if (NAME.test(text)) return { secretId: text, region: null };
  const region = ARN.exec(text)?.[1];
  if (region === undefined) return 'it is not the name or ARN of a Secrets Manager secret';
  if (SUFFIX.test(text)) return { secretId: text, region };
  return 'it is an incomplete ARN; use the whole ARN, which ends with a hyphen and six characters';
}
