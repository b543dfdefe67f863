import { isObject } from '../../common/json.ts';
import type { RawRequest } from '../canonical-request.ts';
import { RequestError } from '../errors.ts';
import { addressIn, type SourceAddresses } from '../source-address.ts';
import { type EventMembers, flattened, members, queryOf, type Single, text } from './event-members.ts';

/** How a request reached the function, and so which form its response must have. */
export interface EntryPoint {
  kind: 'function-url' | 'rest-api' | 'load-balancer';
  /** Whether the response must list the values of each header. */
  multiValueHeaders: boolean;
}

/**
 * Maximum bytes of a result in JSON: 6 MB for a synchronous invocation, 1 MB behind a load balancer. Sources: AWS Lambda
 * Developer Guide, "Lambda quotas"; Elastic Load Balancing User Guide, "Use Lambda functions as targets of an
 * Application Load Balancer".
 */
export const MAX_RESULT_BYTES: Readonly<Record<EntryPoint['kind'], number>> = {
  'function-url': 6 * 1024 * 1024,
  'rest-api': 6 * 1024 * 1024,
  'load-balancer': 1_000_000,
};

/**
 * Converts the event of a function URL, a REST API or a load balancer to the request that the client sent. Paths stay
 * as they were sent, because the client has signed them. AWS does not document that the path of an event is still
 * encoded; this was observed at all three entry points (github.com/hotsock/voker, pull request 8). Other sources: AWS
 * Lambda Developer Guide, "Invoking Lambda function URLs"; Amazon API Gateway Developer Guide, "Lambda proxy
 * integrations in API Gateway"; Elastic Load Balancing User Guide, "Use Lambda functions as targets of an Application
 * Load Balancer".
 *
 * @param sources finds the client's address if trusted proxies are in front of the entry point
 * @throws {RequestError} UnknownOperationException if the event is from an HTTP API, which decodes the path
 * @throws {InvalidEventError} the event is not an HTTP request, or a member is missing or invalid
 */
export function readEvent(
  event: unknown,
  sources: Pick<SourceAddresses, 'of'>,
): { request: RawRequest; entryPoint: EntryPoint } {
  const given = members(event, 'event');
  const context = members(given.requestContext, 'requestContext');
  const isHttpApi = given.version === '1.0' || (given.version === '2.0' && !isFunctionUrl(context));
  if (isHttpApi) throw new RequestError('UnknownOperationException', HTTP_API);
  const read = given.version === '2.0' ? readUrlEvent : context.elb ? readBalancerEvent : readRestEvent;
  const { peer, kind, headers: received, ...head } = read(given, context);
  const body = readBody(given);
  const headers = toHeaders(received, body);
  const sourceAddress = peer === undefined ? undefined : sources.of(peer, headers);
  return {
    request: {
      ...head,
      headers,
      body,
      maxResponseBytes: MAX_RESULT_BYTES[kind],
      ...(sourceAddress !== undefined && { sourceAddress }),
    },
    entryPoint: { kind, multiValueHeaders: kind !== 'function-url' && isObject(given.multiValueHeaders) },
  };
}

const HTTP_API =
  'this service cannot be reached through an HTTP API, which decodes the path, so that no signature can be verified; use the function URL, a REST API or an Application Load Balancer';

/**
 * Whether an event of version 2.0 comes from a function URL; otherwise it comes from an HTTP API. Only the domain of a
 * function URL has the label `lambda-url`.
 */
function isFunctionUrl({ domainName }: EventMembers): boolean {
  return typeof domainName === 'string' && domainName.split('.')[1] === 'lambda-url';
}

interface Head extends Pick<RawRequest, 'method' | 'target' | 'signedTarget'> {
  kind: EntryPoint['kind'];
  headers: Single;
  /** The address from which the entry point received the request; undefined if it is unknown. */
  peer: string | undefined;
}

function readUrlEvent(event: EventMembers, context: EventMembers): Head {
  const http = members(context.http, 'requestContext.http');
  const query = text(event.rawQueryString ?? '', 'rawQueryString');
  const headers = new Map(flattened(event.headers, 'headers'));
  // Cookies are not among the headers of the event.
  if (Array.isArray(event.cookies) && event.cookies.length > 0)
    headers.set('cookie', event.cookies.join('; '));
  return {
    kind: 'function-url',
    method: text(http.method, 'requestContext.http.method'),
    target: withQuery(text(event.rawPath, 'rawPath'), query),
    headers,
    peer: text(http.sourceIp, 'requestContext.http.sourceIp'),
  };
}

/**
 * The client has signed the path with the stage, which `event.path` lacks. A custom domain can also add a base path. So
 * the signed path is `requestContext.path`; the service's own path is its part from `/identitypools` on, or `/`.
 */
function readRestEvent(event: EventMembers, context: EventMembers): Head {
  const identity = members(context.identity, 'requestContext.identity');
  const path = text(context.path, 'requestContext.path');
  const query = queryOf(
    event.multiValueQueryStringParameters ?? event.queryStringParameters,
    encodeURIComponent,
  );
  const own = /\/identitypools(?:\/.*)?$/.exec(path)?.[0] ?? '/';
  return {
    kind: 'rest-api',
    method: text(event.httpMethod, 'httpMethod'),
    target: withQuery(own, query),
    signedTarget: withQuery(path, query),
    headers: unmapped(flattened(event.multiValueHeaders ?? event.headers, 'headers')),
    peer: text(identity.sourceIp, 'requestContext.identity.sourceIp'),
  };
}

const REMAPPED = 'x-amzn-remapped-';
/**
 * The headers to restore if API Gateway has renamed them with the prefix `x-amzn-remapped-`: a signature covers these
 * three. No other header is restored, because a client could send any header with this prefix.
 */
const RENAMED = ['authorization', 'date', 'host'];

/**
 * Restores the headers that a signature needs and that API Gateway may rename. Source: Amazon API Gateway Developer
 * Guide, "Important notes".
 */
function unmapped(headers: Single): Single {
  const restored = new Map(headers);
  for (const name of RENAMED) {
    const value = headers.get(`${REMAPPED}${name}`);
    if (value !== undefined) restored.set(name, value);
  }
  return restored;
}

/**
 * The load balancer does not decode the parameters. In the default mode `append`, it appends the client's address to
 * X-Forwarded-For, with the port if its attribute `routing.http.xff_client_port.enabled` is set. The other addresses are
 * only claims of the client. In the mode `preserve`, all addresses are claims. Sources: Elastic Load Balancing User
 * Guide, "HTTP headers and Application Load Balancers" and "Use Lambda functions as targets of an Application Load
 * Balancer".
 */
function readBalancerEvent(event: EventMembers): Head {
  const query = queryOf(event.multiValueQueryStringParameters ?? event.queryStringParameters, (raw) => raw);
  const headers = flattened(event.multiValueHeaders ?? event.headers, 'headers');
  return {
    kind: 'load-balancer',
    method: text(event.httpMethod, 'httpMethod'),
    target: withQuery(text(event.path, 'path'), query),
    headers,
    peer: addressIn(headers.get('x-forwarded-for')?.split(',').at(-1)?.trim() ?? ''),
  };
}

function withQuery(path: string, query: string): string {
  return query === '' ? path : `${path}?${query}`;
}

/**
 * Adds the length of the body if it is not announced. An announced length remains, because the client may have signed
 * it. Removes `X-Amz-Cf-Id`, which CloudFront adds after the client has signed the request; every other `x-amz-*`
 * header must be signed.
 */
function toHeaders(received: Single, body: Uint8Array): Record<string, string> {
  const headers = Object.fromEntries(received);
  headers['content-length'] ??= String(body.length);
  delete headers['transfer-encoding'];
  delete headers['x-amz-cf-id'];
  return headers;
}

const NO_BODY = new Uint8Array(0);

function readBody({ body, isBase64Encoded }: EventMembers): Uint8Array {
  if (body === undefined || body === null) return NO_BODY;
  return Buffer.from(text(body, 'body'), isBase64Encoded === true ? 'base64' : 'utf8');
}
