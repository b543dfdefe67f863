// RDS names its own rds!db-… and rds!cluster-…
const NAME = /^[\w/+=.@!-]{1,512}$/;
const ARN = /^arn:[\w-]+:secretsmanager:([a-z0-9-]+):\d{12}:secret:[\w/+=.@!-]+$/;
/** What Secrets Manager puts behind a name. Source: AWS Secrets Manager User Guide, "What's in a Secrets Manager secret". */
const SUFFIX = /-[A-Za-z0-9]{6}$/;

export interface SecretId {
  /** A secret's name or ARN. */
  secretId: string;
  /** The ARN's; null of a name: the region is the one in which it is asked for. */
  region: string | null;
}

/** @returns what is wrong with it, in words, where it is neither; it is not quoted: it may be the secret itself */
export function parseSecretId(text: string): SecretId | string {
  if (NAME.test(text)) return { secretId: text, region: null };
  const region = ARN.exec(text)?.[1];
  if (region === undefined) return 'it is not the name or ARN of a secret in Secrets Manager';
  if (SUFFIX.test(text)) return { secretId: text, region };
  return 'it is not a whole ARN, which ends with a hyphen and six characters';
}
