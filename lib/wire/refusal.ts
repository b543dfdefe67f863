import { ServiceError, ValueRefusedError } from '../common/errors.ts';
import { RequestError } from './request-error.ts';
import { SignatureError } from './sigv4.ts';

/** What a client is answered in place of a result. */
export interface Refusal {
  status: number;
  code: string;
  message: string;
}

/** What the caller did wrong, or has to know; undefined for what went wrong here. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof ServiceError || error instanceof RequestError) return error;
  if (error instanceof SignatureError) return { status: 403, code: error.code, message: error.message };
  if (error instanceof ValueRefusedError) {
    return { status: 400, code: 'InvalidParameterException', message: 'a value cannot be stored' };
  }
  return undefined;
}
