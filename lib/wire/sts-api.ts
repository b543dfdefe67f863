import { ExpiredLoginTokenError } from '../identity/errors.ts';
import type { AssumeRoleWithWebIdentity } from '../identity/model.ts';
import { sha256 } from './canonical-request.ts';
import { type Refusal, RequestError, refusalOf } from './errors.ts';
import { limitBody } from './request-body.ts';
import type { RawRequest } from './sigv4.ts';
import { type AssumeRoleParameters, readAssumeRoleParameters, StsError } from './sts-input.ts';
import { CROSS_ORIGIN_HEADERS, type WireLogger, type WireResponse } from './wire-response.ts';
import { type XmlContent, xmlDocument } from './xml.ts';

export interface StsApiDeps {
  assumeRoleWithWebIdentity: AssumeRoleWithWebIdentity;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Handles one request. Never rejects. */
export type StsApi = (request: RawRequest) => Promise<WireResponse>;

/** Content type of STS requests. */
export const FORM_CONTENT_TYPE = 'application/x-www-form-urlencoded';

const ACTION = 'AssumeRoleWithWebIdentity';
const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const PROVIDER = 'cognito-identity.amazonaws.com';
const ROLE_ARN = /^arn:(aws[\w-]*):iam::(\d+):role\/(?:[\x21-\x7e]*\/)?([\w+=,.@-]+)$/;
const STS_CODES: ReadonlyMap<string, string> = new Map([
  ['NotAuthorizedException', 'InvalidIdentityToken'],
  ['ResourceNotFoundException', 'InvalidIdentityToken'],
  ['InvalidParameterException', 'ValidationError'],
]);
/** Large enough for a token of 20,000 characters, all percent-encoded. */
const MAX_BODY_BYTES = 128 * 1024;

/**
 * Creates the AWS STS API, version 2011-06-15 (query protocol: form request, XML response), as one function from a raw
 * request to its response. Serves only the operation with which Cognito's classic flow ends. Requests are not signed,
 * because the token identifies the caller.
 */
export function createStsApi(deps: StsApiDeps): StsApi {
  return async (request) => {
    const id = deps.requestId();
    const headers: WireResponse['headers'] = [
      ['x-amzn-RequestId', id],
      ...CROSS_ORIGIN_HEADERS,
      ['Content-Type', 'text/xml'],
    ];
    try {
      const result = await assumeRole(request, deps);
      const metadata = { ResponseMetadata: { RequestId: id } };
      const body = xmlDocument(`${ACTION}Response`, NAMESPACE, { [`${ACTION}Result`]: result, ...metadata });
      return { status: 200, headers, body };
    } catch (error) {
      const { status, code, message } = stsRefusalOf(error) ?? failureOf(error, id, deps.logger);
      const described = { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message };
      const body = xmlDocument('ErrorResponse', NAMESPACE, { Error: described, RequestId: id });
      return { status, headers, body };
    }
  };
}

async function assumeRole(request: RawRequest, deps: StsApiDeps): Promise<XmlContent> {
  limitBody(request, MAX_BODY_BYTES);
  const form = new URLSearchParams(new TextDecoder().decode(request.body));
  if (form.get('Action') !== ACTION) throw new StsError('InvalidAction', `only ${ACTION} is served here`);
  const parameters = readAssumeRoleParameters(form);
  const assumedRole = assumedRoleOf(parameters);
  const output = await deps.assumeRoleWithWebIdentity(parameters);
  const { AccessKeyId, SecretKey, SessionToken, Expiration } = output.Credentials;
  return {
    Credentials: {
      AccessKeyId,
      SecretAccessKey: SecretKey,
      SessionToken,
      // STS uses whole seconds. Round down, so that clients do not use the credentials too long.
      Expiration: new Date(Expiration).toISOString().replace(/\.\d+/, ''),
    },
    SubjectFromWebIdentityToken: output.SubjectFromWebIdentityToken,
    AssumedRoleUser: assumedRole,
    Provider: PROVIDER,
    Audience: output.Audience,
  };
}

/** The role need not exist, so its unique id is derived from its ARN. It is stable and has the format of AWS's ids. */
function assumedRoleOf({ RoleArn, RoleSessionName }: AssumeRoleParameters): XmlContent {
  const [, partition, account, role] = ROLE_ARN.exec(RoleArn) ?? [];
  if (role === undefined) throw new StsError('ValidationError', 'Request ARN is invalid');
  return {
    AssumedRoleId: `AROA${sha256(RoleArn).slice(0, 17).toUpperCase()}:${RoleSessionName}`,
    Arn: `arn:${partition}:sts::${account}:assumed-role/${role}/${RoleSessionName}`,
  };
}

/** Maps the operation's errors, which have Cognito's codes, to the codes of STS. */
function stsRefusalOf(error: unknown): Refusal | undefined {
  if (error instanceof StsError) return error;
  if (error instanceof ExpiredLoginTokenError) {
    return { status: 400, code: 'ExpiredTokenException', message: error.message };
  }
  const refusal = refusalOf(error);
  if (!refusal || error instanceof RequestError) return refusal;
  const { status, code, message } = refusal;
  return { status: status < 500 ? 400 : 500, code: STS_CODES.get(code) ?? code, message };
}

function failureOf(error: unknown, requestId: string, logger: WireLogger): Refusal {
  logger.error('a request failed', { requestId, operation: ACTION, error });
  return { status: 500, code: 'InternalFailure', message: 'internal error' };
}
