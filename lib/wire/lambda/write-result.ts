import { STATUS_CODES } from 'node:http';
import type { WireBody, WireResponse } from '../wire-response.ts';
import { type EntryPoint, MAX_RESULT_BYTES } from './read-event.ts';

/** The function's result, which the entry point converts to an HTTP response. */
export interface HttpResult {
  statusCode: number;
  statusDescription?: string;
  headers?: Record<string, string>;
  multiValueHeaders?: Record<string, string[]>;
  body: string;
  isBase64Encoded: false;
}

/** The most bytes that one UTF-16 code unit of the body takes in the result: a control character becomes `\uXXXX`. */
const MAX_BYTES_PER_UNIT = 6;
/** An upper bound for a result without its body. */
const MAX_HEAD_BYTES = 16 * 1024;

/**
 * Converts a response to the function's result. All bodies are text, so none is in base64. Header names keep their
 * letter case. If the result would be larger than the entry point accepts, the client receives an error instead.
 *
 * @param pageSize the parameter with which the client requests fewer items at a time
 * @throws the error of a body in parts
 */
export async function writeResult(
  { status, headers, body }: WireResponse<WireBody>,
  entryPoint: EntryPoint,
  pageSize = 'MaxResults',
): Promise<HttpResult> {
  const maxBytes = MAX_RESULT_BYTES[entryPoint.kind];
  const complete = typeof body === 'string' ? body : await joinParts(body, maxBytes);
  if (complete !== null) {
    const result = toResult({ status, headers, body: complete }, entryPoint);
    const maxUnits = (maxBytes - MAX_HEAD_BYTES) / MAX_BYTES_PER_UNIT;
    if (complete.length <= maxUnits || Buffer.byteLength(JSON.stringify(result)) <= maxBytes) return result;
  }
  return toResult(tooLarge(headers, maxBytes, pageSize), entryPoint);
}

/** @returns null as soon as the parts have more than `maxUnits` UTF-16 code units */
async function joinParts(parts: AsyncIterable<string>, maxUnits: number): Promise<string | null> {
  let body = '';
  for await (const part of parts) {
    body += part;
    if (body.length > maxUnits) return null;
  }
  return body;
}

/** Only a listing can be this large. The client can list fewer records at a time. */
function tooLarge(headers: WireResponse['headers'], maxBytes: number, pageSize: string): WireResponse {
  const code = 'InvalidParameterException';
  const message = `the response is larger than ${maxBytes} bytes, which AWS does not deliver; request fewer items at a time with ${pageSize}`;
  return {
    status: 400,
    headers: [...headers, ['x-amzn-ErrorType', `${code}:`]],
    body: JSON.stringify({ __type: code, message }),
  };
}

function toResult(
  { status, headers, body }: WireResponse,
  { kind, multiValueHeaders }: EntryPoint,
): HttpResult {
  return {
    statusCode: status,
    ...(kind === 'load-balancer' && { statusDescription: `${status} ${STATUS_CODES[status] ?? 'Unknown'}` }),
    ...(multiValueHeaders ? { multiValueHeaders: toLists(headers) } : { headers: toSingle(headers) }),
    body,
    isBase64Encoded: false,
  };
}

function toLists(headers: WireResponse['headers']): Record<string, string[]> {
  const lists: Record<string, string[]> = {};
  for (const [name, value] of headers) lists[name] = [...(lists[name] ?? []), value];
  return lists;
}

/**
 * Joins the values of a repeated header, as HTTP allows. The service sends no cookies, whose values cannot be joined.
 */
function toSingle(headers: WireResponse['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(toLists(headers)).map(([name, values]) => [name, values.join(', ')]),
  );
}
