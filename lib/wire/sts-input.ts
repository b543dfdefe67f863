import { type Constraint, type Constraints, fullMatch } from './constraints.ts';
import { decodeMembers } from './decode-value.ts';
import type { Member, Structure } from './shape.ts';
import { createViolations } from './violations.ts';

/** Error codes of the query protocol, which AWS STS and other AWS services use. */
export type StsErrorCode = 'InvalidAction' | 'ValidationError';

/** An STS request that was rejected before it reached an operation. */
export class StsError extends Error {
  override name = 'StsError';
  readonly code: StsErrorCode;
  readonly status = 400;

  constructor(code: StsErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface AssumeRoleParameters {
  RoleArn: string;
  RoleSessionName: string;
  WebIdentityToken: string;
}

const CONSTRAINTS: Constraints = new Map(
  Object.entries<Constraint>({
    RoleArn: { minLength: 20, maxLength: 2048 },
    RoleSessionName: { minLength: 2, maxLength: 64, pattern: fullMatch('[\\w+=,.@-]*') },
    WebIdentityToken: { minLength: 4, maxLength: 20_000, secret: true },
    DurationSeconds: { min: 900, max: 43_200 },
  }),
);

/**
 * The parameters of AssumeRoleWithWebIdentity that this service validates. They are copied from the API model of
 * 2011-06-15, because the project does not otherwise need the AWS STS client. DurationSeconds has no effect:
 * credentials are always valid for an hour. Policies and a provider's id are ignored: there are no permissions to
 * restrict and no providers to choose from.
 */
const INPUT: Structure = {
  kind: 'structure',
  members: [
    text('RoleArn'),
    text('RoleSessionName'),
    text('WebIdentityToken'),
    { name: 'DurationSeconds', shape: { kind: 'integer' }, required: false, binding: { in: 'body' } },
  ],
};

function text(name: string): Member {
  return { name, shape: { kind: 'string' }, required: true, binding: { in: 'body' } };
}

/**
 * Reads the parameters of AssumeRoleWithWebIdentity.
 * @throws {StsError} ValidationError that names the invalid parameters
 */
export function readAssumeRoleParameters(form: URLSearchParams): AssumeRoleParameters {
  const given = Object.fromEntries(
    INPUT.members.map(({ name, shape }) => [name, parameter(form.get(name), shape.kind === 'integer')]),
  );
  const violations = createViolations((message) => new StsError('ValidationError', message));
  const decoded = decodeMembers(INPUT, given, { constraints: CONSTRAINTS, violations });
  violations.throwIfAny();
  const { RoleArn, RoleSessionName, WebIdentityToken } = decoded;
  return {
    RoleArn: String(RoleArn),
    RoleSessionName: String(RoleSessionName),
    WebIdentityToken: String(WebIdentityToken),
  };
}

function parameter(value: string | null, isInteger: boolean): unknown {
  return value !== null && isInteger && /^-?\d+$/.test(value) ? Number(value) : value;
}
