import { header, type RequestHead } from './canonical-request.ts';

const OVERRIDE = 'x-http-method-override';
const SIGNED_HEADERS = /\bSignedHeaders=([^,\s]+)/;

/**
 * Returns the request with the method that its client means. AWS's SDK for Unity can send only GET and POST. It signs a
 * DELETE request with the header `X-HTTP-Method-Override: DELETE` and the body `{}`, and then sends the request as
 * POST. The route and the signature check therefore use the method in the header. A header that is not signed has no
 * effect, because anyone between the client and this service could have added it. Source: AWSSDK for Unity,
 * `AmazonCognitoSyncPostMarshallHandler`.
 *
 * @returns the same request unless it is a POST whose signature covers an override
 */
export function withSignedMethod<Request extends RequestHead>(request: Request): Request {
  const method = request.method === 'POST' ? header(request, OVERRIDE) : undefined;
  if (method === undefined) return request;
  const [, signed = ''] = SIGNED_HEADERS.exec(header(request, 'authorization') ?? '') ?? [];
  return signed.split(';').includes(OVERRIDE) ? { ...request, method } : request;
}
