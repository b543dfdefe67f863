import { ExpiredLoginTokenError } from '../identity/errors.ts';
import type { AssumeRoleWithWebIdentity } from '../identity/model.ts';
import { bodyLimitOf } from './body-limits.ts';
import { sha256 } from './canonical-request.ts';
import { CROSS_ORIGIN_HEADERS } from './cors.ts';
import { isStatusOfAnyProtocol, type Refusal, RequestError, refusalOf, retryHeaders } from './errors.ts';
import { logRefusal } from './log-refusal.ts';
import { costOf, NO_RATE_LIMITS, type RateLimits } from './rate-limits.ts';
import { receiveBody, type WireRequest } from './request-body.ts';
import { type AssumeRoleParameters, readAssumeRoleParameters, StsError } from './sts-input.ts';
import { inTurn } from './turns.ts';
import type { WireLogger, WireResponse } from './wire-response.ts';
import { type XmlContent, xmlDocument } from './xml.ts';

export interface StsApiDeps {
  assumeRoleWithWebIdentity: AssumeRoleWithWebIdentity;
  /** The rate limits. If absent, requests are not limited. */
  limits?: RateLimits;
  /** Returns a new id for each request. */
  requestId: () => string;
  logger: WireLogger;
}

/** Handles one request. Never rejects. */
export type StsApi = (request: WireRequest) => Promise<WireResponse>;

/** Content type of STS requests. */
export const FORM_CONTENT_TYPE = 'application/x-www-form-urlencoded';

/** The only operation of STS that is served. */
export const STS_ACTION = 'AssumeRoleWithWebIdentity';
const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const PROVIDER = 'cognito-identity.amazonaws.com';
const ROLE_ARN = /^arn:(aws[\w-]*):iam::(\d+):role\/(?:[\x21-\x7e]*\/)?([\w+=,.@-]+)$/;
const STS_CODES: ReadonlyMap<string, string> = new Map([
  ['NotAuthorizedException', 'InvalidIdentityToken'],
  ['ResourceNotFoundException', 'InvalidIdentityToken'],
  ['InvalidParameterException', 'ValidationError'],
]);

/**
 * Creates the AWS STS API, version 2011-06-15 (query protocol: form request, XML response), as one function from a raw
 * request to its response. Serves only AssumeRoleWithWebIdentity, the last operation of Cognito's classic flow.
 * Requests are not signed, because the token identifies the caller.
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
      const body = xmlDocument(`${STS_ACTION}Response`, NAMESPACE, {
        [`${STS_ACTION}Result`]: result,
        ...metadata,
      });
      return { status: 200, headers, body };
    } catch (error) {
      const known = stsRefusalOf(error);
      logRefusal(deps.logger, error, known, { requestId: id, operation: STS_ACTION });
      const refusal = known ?? INTERNAL_FAILURE;
      const { status, code, message } = refusal;
      const described = { Type: status < 500 ? 'Sender' : 'Receiver', Code: code, Message: message };
      const body = xmlDocument('ErrorResponse', NAMESPACE, { Error: described, RequestId: id });
      return { status, headers: [...headers, ...retryHeaders(refusal)], body };
    }
  };
}

async function assumeRole(incoming: WireRequest, deps: StsApiDeps): Promise<XmlContent> {
  const { limits = NO_RATE_LIMITS } = deps;
  limits.charge('address', incoming.sourceAddress, costOf(STS_ACTION, incoming));
  const { maxBytes, maxValues } = bodyLimitOf(STS_ACTION);
  const { body } = await receiveBody(incoming, maxBytes);
  const form = readForm(new TextDecoder().decode(body), maxValues);
  if (form.get('Action') !== STS_ACTION)
    throw new StsError('InvalidAction', `this service supports only the action ${STS_ACTION}`);
  const parameters = readAssumeRoleParameters(form);
  const assumedRole = assumedRoleOf(parameters);
  const output = await inTurn(limits.enter('address', incoming.sourceAddress, incoming), () =>
    deps.assumeRoleWithWebIdentity(parameters),
  );
  const { AccessKeyId, SecretKey, SessionToken, Expiration } = output.Credentials;
  return {
    Credentials: {
      AccessKeyId,
      SecretAccessKey: SecretKey,
      SessionToken,
      // STS uses whole seconds. The time is rounded down, so that clients do not use the credentials after they expire.
      Expiration: new Date(Expiration).toISOString().replace(/\.\d+/, ''),
    },
    SubjectFromWebIdentityToken: output.SubjectFromWebIdentityToken,
    AssumedRoleUser: assumedRole,
    Provider: PROVIDER,
    Audience: output.Audience,
  };
}

/** Counts the parameters before parsing, because parsing is slowest for many small parameters. */
function readForm(text: string, maxParameters: number): URLSearchParams {
  if (text.split('&', maxParameters + 1).length > maxParameters) {
    throw new StsError('ValidationError', `the request has more than ${maxParameters} parameters`);
  }
  return new URLSearchParams(text);
}

/**
 * The role need not exist, so its unique id is derived from its ARN. The id is stable and has the format of AWS's ids.
 */
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
  const { status, code } = refusal;
  const own = isStatusOfAnyProtocol(status) ? status : status < 500 ? 400 : 500;
  const { message, retryAfterSeconds } = refusal;
  return { status: own, code: STS_CODES.get(code) ?? code, message, retryAfterSeconds };
}

const INTERNAL_FAILURE: Refusal = { status: 500, code: 'InternalFailure', message: 'internal error' };
