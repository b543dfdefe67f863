import { ServiceError, ValueRefusedError } from '../common/errors.ts';
import { SignatureError } from './sigv4.ts';

/** Error codes of the protocol. They are common to AWS services and are not part of the API's own model. */
export type RequestErrorCode =
  | 'SerializationException'
  | 'UnknownOperationException'
  | 'RequestEntityTooLarge'
  | 'ValidationException';

const STATUS: Record<RequestErrorCode, number> = {
  SerializationException: 400,
  UnknownOperationException: 404,
  RequestEntityTooLarge: 413,
  ValidationException: 400,
};

/** A request that was rejected before it reached an operation. */
export class RequestError extends Error {
  override name = 'RequestError';
  readonly code: RequestErrorCode;
  readonly status: number;

  constructor(code: RequestErrorCode, message: string) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
  }
}

/** The error response to a client. */
export interface Refusal {
  status: number;
  code: string;
  message: string;
}

/** Returns the error response if the error concerns the caller, or undefined if it is internal. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof ServiceError || error instanceof RequestError) return error;
  if (error instanceof SignatureError) return { status: 403, code: error.code, message: error.message };
  if (error instanceof ValueRefusedError) {
    return { status: 400, code: 'InvalidParameterException', message: 'a value cannot be stored' };
  }
  return undefined;
}
