import { ServiceError, ValueRefusedError } from '../common/errors.ts';
import { DatabaseError } from '../database/database.ts';
import { SignatureError } from './sigv4.ts';
import type { WireResponse } from './wire-response.ts';

/** Error codes of the protocol. They are common to AWS services and are not part of the API's own model. */
export type RequestErrorCode =
  | 'SerializationException'
  | 'UnknownOperationException'
  | 'RequestEntityTooLarge'
  | 'IncompleteBody'
  | 'ServiceUnavailable'
  | 'ValidationException';

const STATUS: Record<RequestErrorCode, number> = {
  SerializationException: 400,
  UnknownOperationException: 404,
  RequestEntityTooLarge: 413,
  IncompleteBody: 400,
  ServiceUnavailable: 503,
  ValidationException: 400,
};

/** A request that was rejected before it reached an operation. */
export class RequestError extends Error {
  override name = 'RequestError';
  readonly code: RequestErrorCode;
  readonly status: number;
  /** How long the client should wait before it retries. Undefined if no waiting time is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RequestErrorCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The error response to a client. */
export interface Refusal {
  status: number;
  code: string;
  message: string;
  retryAfterSeconds?: number | undefined;
}

/**
 * Whether an error response has this status in every protocol. Cognito Identity and STS replace all other statuses with
 * 400 or 500. The statuses for size (413), rate (429) and availability (503) remain, because proxies and clients act on
 * them without reading the body.
 */
export function isStatusOfAnyProtocol(status: number): boolean {
  return status === 413 || status === 429 || status === 503;
}

/** Returns the `Retry-After` header if the error says how long the client should wait. Otherwise returns no header. */
export function retryHeaders({ retryAfterSeconds }: Refusal): [name: string, value: string][] {
  return retryAfterSeconds === undefined ? [] : [['Retry-After', String(retryAfterSeconds)]];
}

/** Returns the error response of a request that reached no API, in the form of AWS's errors, which clients can read. */
export function toErrorResponse(refusal: Refusal): WireResponse {
  const { status, code, message } = refusal;
  return {
    status,
    headers: [
      ['Content-Type', 'application/json'],
      ...retryHeaders(refusal),
      ['x-amzn-ErrorType', `${code}:`],
    ],
    body: JSON.stringify({ __type: code, message }),
  };
}

export const INTERNAL_ERROR: Refusal = {
  status: 500,
  code: 'InternalErrorException',
  message: 'internal error',
};

/**
 * SQLSTATEs of a statement that had no effect because the database was busy: too many connections, too many statements
 * waiting, a lock or a connection that was not free in time.
 */
const BUSY = new Set(['53300', '53400', '55P03']);
const BUSY_SECONDS = 1;

/**
 * Returns the error response if the request was rejected or the database is busy. Returns undefined for an internal
 * error.
 */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof ServiceError || error instanceof RequestError) return error;
  if (error instanceof SignatureError) return { status: 403, code: error.code, message: error.message };
  if (error instanceof ValueRefusedError) {
    return { status: 400, code: 'InvalidParameterException', message: 'a value cannot be stored' };
  }
  if (error instanceof DatabaseError && BUSY.has(error.code ?? '')) {
    return {
      status: 429,
      code: 'TooManyRequestsException',
      message: `the service is busy; retry after ${BUSY_SECONDS} s`,
      retryAfterSeconds: BUSY_SECONDS,
    };
  }
  return undefined;
}
