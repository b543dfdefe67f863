import { hash } from 'node:crypto';

/** The part of an HTTP request before its body, as received. Nothing is decoded. Header names are in lower case. */
export interface RequestHead {
  method: string;
  /** Path and query, unchanged from the request line. */
  target: string;
  /**
   * Path and query that the client signed. Absent if the client signed `target`. They differ from `target` behind an
   * entry point whose addresses have a prefix, such as the stage of a REST API.
   */
  signedTarget?: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /**
   * The client's address, to which rate limits apply. Absent if the address is unknown; then limits per address do not
   * apply.
   */
  sourceAddress?: string;
  /** Maximum bytes of the response as a function's result in JSON. Absent if the size of the response is not limited. */
  maxResponseBytes?: number;
}

/** An HTTP request as received, with its body. */
export interface RawRequest extends RequestHead {
  body: Uint8Array;
}

/**
 * Builds the canonical request of Signature Version 4, which client and service both sign, from the raw request.
 * Source: IAM User Guide, "Create a signed AWS API request".
 *
 * @param signedHeaders names in lower case, in the order in which they were signed
 */
export function canonicalRequest(request: RawRequest, signedHeaders: readonly string[]): string {
  const { signedTarget: target = request.target } = request;
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question + 1);
  return [
    request.method,
    canonicalPath(path),
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${(header(request, name) ?? '').trim().replace(/\s+/g, ' ')}`),
    '',
    signedHeaders.join(';'),
    sha256(request.body),
  ].join('\n');
}

/**
 * Percent-encodes the received path again, except its slashes. Removes empty and relative parts (`.` and `..`). Every
 * AWS service except S3 does this, and clients sign the resulting path. The signature therefore does not distinguish
 * paths that differ only in empty and relative parts. Code that uses the raw target must reject such parts.
 */
function canonicalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(encode(part));
  }
  return parts.length === 0 ? '/' : `/${parts.join('/')}${path.endsWith('/') ? '/' : ''}`;
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=');
      const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
      return [encode(decode(name)), encode(decode(value))] as const;
    })
    .sort(([nameA, valueA], [nameB, valueB]) => compareText(nameA, nameB) || compareText(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const UNRESERVED = /^[\w.~-]*$/;

/** Percent-encodes everything except letters, digits and `-._~` (RFC 3986). */
function encode(text: string): string {
  // Most parts of a path and most values contain only these characters. This test takes a fraction of the time of the
  // encoding.
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns the value of a header. Values of a repeated header are joined with commas, as they are signed. */
export function header({ headers }: Pick<RequestHead, 'headers'>, name: string): string | undefined {
  // The name can come from the client (`SignedHeaders`). A name such as `constructor` must not match an inherited
  // property.
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  return Array.isArray(value) ? value.join(',') : value;
}

/**
 * Returns the body length that the headers announce, in bytes. Returns undefined if no length is announced, as for a
 * chunked body.
 */
export function contentLength(request: RequestHead): number | undefined {
  if (header(request, 'transfer-encoding') !== undefined) return undefined;
  const length = header(request, 'content-length') ?? '0';
  return /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** Returns the SHA-256 hash in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return hash('sha256', data, 'hex');
}
