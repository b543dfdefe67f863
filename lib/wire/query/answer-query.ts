import type { RequestHead } from '../canonical-request.ts';
import type { QueryBindings } from './quarantine-routes.ts';
import type { QueryApi } from './query-api.ts';

const METHODS = ['GET', 'POST'];

/** Headers of a request that the query API reads. */
const FORWARDED = ['accept', 'content-type', 'last-event-id'];

/** Devices write the values in the responses, so a browser must not guess the type of a response. */
const SAFE = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

/**
 * Answers a request to the query API in the form in which an HTTP server or Lambda has received it.
 *
 * @param body the bytes of a POST request; ignored for any other method
 * @param caller see `QueryApi`
 */
export async function answerQuery(
  api: QueryApi,
  head: RequestHead,
  body: Uint8Array,
  caller?: QueryBindings,
): Promise<Response> {
  const response = METHODS.includes(head.method) ? await api(toRequest(head, body), caller) : notAllowed();
  for (const [name, value] of Object.entries(SAFE)) response.headers.set(name, value);
  return response;
}

function notAllowed(): Response {
  const message = 'the query API has only the methods GET and POST';
  return Response.json({ message }, { status: 405, headers: { Allow: METHODS.join(', ') } });
}

function toRequest({ method, target, headers }: RequestHead, body: Uint8Array): Request {
  const hasBody = method === 'POST' && body.length > 0;
  const forwarded = new Headers();
  for (const name of FORWARDED) {
    const value = headers[name];
    if (typeof value === 'string') forwarded.set(name, value);
  }
  // Some clients send a content type even without a body.
  if (!hasBody) forwarded.delete('content-type');
  return new Request(`http://localhost${target}`, {
    method,
    headers: forwarded,
    ...(hasBody && { body: Uint8Array.from(body) }),
  });
}
