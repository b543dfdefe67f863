import { ServiceError } from '../common/errors.ts';
import type { ApiOperation } from './api-model.ts';
import { bodyLimitOf } from './body-limits.ts';
import { SYNC_CONSTRAINTS } from './constraints.ts';
import { type Decoding, decodeMember, pathTo } from './decode-value.ts';
import type { FoundRoute } from './find-route.ts';
import { parseJsonBody } from './request-body.ts';
import type { Member, Shape } from './shape.ts';
import type { RawRequest } from './sigv4.ts';
import { createViolations } from './violations.ts';

/** The members of an operation's input by name. A value is undefined if the request does not have the member. */
export type DecodedInput = Record<string, unknown>;

/**
 * Reads an operation's input from path, query, headers and body, according to the bindings of the API model. Ignores
 * the content type, because the SDKs for Android and iOS send `application/x-amz-json-1.1` even without a body. Ignores
 * the body if no member is bound to it, because version 2 of the SDK for JavaScript then sends `{}`.
 *
 * @throws {ServiceError} InvalidParameterException that names the invalid members
 * @throws {RequestError} SerializationException if the body is not a JSON object
 */
export function decodeInput({ operation, labels }: FoundRoute, request: RawRequest): DecodedInput {
  const { members } = operation.input;
  const { maxValues } = bodyLimitOf(operation.name);
  const hasBody = members.some(({ binding }) => binding.in === 'body');
  const body = hasBody ? parseJsonBody(request.body, maxValues) : {};
  const source: Source = { labels, query: splitQuery(request.target), headers: request.headers, body };
  return decode(operation, (member) => find(member, source));
}

/**
 * Reads an operation's input in the RPC form, in which all members are in the body. A number that the REST form has in
 * the query may be sent as text, because the samples of the API reference send `MaxResults` as text.
 *
 * @throws {ServiceError} InvalidParameterException that names the invalid members
 */
export function decodeRpcInput(
  operation: ApiOperation,
  body: Readonly<Record<string, unknown>>,
): DecodedInput {
  return decode(operation, ({ name, shape, binding }) => {
    const value = Object.hasOwn(body, name) ? body[name] : undefined;
    return { value: binding.in === 'query' && typeof value === 'string' ? readText(shape, value) : value };
  });
}

function decode({ input }: ApiOperation, findValue: (member: Member) => Given): DecodedInput {
  const violations = createViolations((message) => new ServiceError('InvalidParameterException', message));
  const decoding = { constraints: SYNC_CONSTRAINTS, violations };
  const decoded = Object.fromEntries(
    input.members.map((member) => [member.name, decodeGiven(member, findValue(member), decoding)]),
  );
  violations.throwIfAny();
  return decoded;
}

interface Source {
  labels: ReadonlyMap<string, string>;
  /** Values as received (not decoded), by decoded parameter name. */
  query: ReadonlyMap<string, readonly string[]>;
  headers: RawRequest['headers'];
  body: Readonly<Record<string, unknown>>;
}

function decodeGiven(member: Member, given: Given, decoding: Decoding): unknown {
  const place = { member: member.name, decoding };
  if ('refused' in given) return decoding.violations.add({ at: pathTo(place), must: given.refused });
  return decodeMember(member, given.value, place);
}

type Given = { value: unknown } | { refused: string };

function find({ name, shape, binding }: Member, { labels, query, headers, body }: Source): Given {
  switch (binding.in) {
    case 'body':
      return { value: Object.hasOwn(body, name) ? body[name] : undefined };
    case 'header': {
      const value = headers[binding.name];
      return { value: Array.isArray(value) ? value.join(',') : value };
    }
    case 'label':
      return fromText(shape, labels.get(name));
    case 'query': {
      const values = query.get(binding.name) ?? [];
      return values.length > 1 ? { refused: 'Member must be given only once' } : fromText(shape, values[0]);
    }
  }
}

function fromText(shape: Shape, raw: string | undefined): Given {
  if (raw === undefined) return { value: undefined };
  const text = percentDecode(raw);
  if (text === undefined) return { refused: 'Member must be percent-encoded UTF-8' };
  return { value: readText(shape, text) };
}

/** Converts the text of an integer to a number. Returns any other text unchanged, so that the error can quote it. */
function readText(shape: Shape, text: string): string | number {
  return shape.kind === 'integer' && /^-?\d+$/.test(text) ? Number(text) : text;
}

/**
 * Splits the undecoded query into names and values. Decodes the names; the values stay encoded. `+` means a plus sign,
 * not a space, as in the signature.
 */
function splitQuery(target: string): Map<string, string[]> {
  const query = new Map<string, string[]>();
  const question = target.indexOf('?');
  if (question < 0) return query;
  for (const pair of target.slice(question + 1).split('&')) {
    const equals = pair.indexOf('=');
    const [name, value] = equals < 0 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
    const decoded = percentDecode(name);
    if (decoded !== undefined) query.set(decoded, [...(query.get(decoded) ?? []), value]);
  }
  return query;
}

function percentDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
