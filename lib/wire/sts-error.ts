/** Codes of AWS STS, and of all services with its protocol. */
export type StsErrorCode = 'InvalidAction' | 'ValidationError';

/** A request to STS that no operation gets to see. */
export class StsError extends Error {
  override name = 'StsError';
  readonly code: StsErrorCode;
  readonly status = 400;

  constructor(code: StsErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
