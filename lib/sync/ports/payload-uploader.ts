/** A payload was not uploaded. The payload may still be uploaded later, so the relay retries. */
export class PayloadUploadError extends Error {
  override name = 'PayloadUploadError';
  /** A code that is safe to log, such as `AccessDenied`. */
  readonly code: string;

  constructor(code: string) {
    super(`the payload was not uploaded (${code})`);
    this.code = code;
  }
}

/** Copies payloads to a place where consumers of the stream can read them without the service. */
export interface PayloadUploader {
  /**
   * Stores a payload under its id, in place of an earlier copy, if one exists.
   * @param body a JSON list of records
   * @throws {PayloadUploadError} the payload was not stored
   */
  upload(payloadId: string, body: string): Promise<void>;
  /**
   * Returns whether a payload was stored so recently that it need not be stored again: if its event is published now,
   * consumers can read the payload as long as the URL in the event is valid. Returns false if the check fails.
   */
  isStored(payloadId: string): Promise<boolean>;
  /**
   * Returns the URL of a payload for the event. The payload need not exist.
   * @throws {PayloadUploadError} no URL can be created
   */
  urlOf(payloadId: string): Promise<string>;
}
