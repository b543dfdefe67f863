/** What the protocol itself refuses; these codes are common to AWS services and no part of the API's own model. */
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

/** A request that no operation gets to see. */
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
