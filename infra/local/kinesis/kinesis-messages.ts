/** A request whose signature was verified. */
export interface KinesisRequest {
  /** Name in `X-Amz-Target`, for example `PutRecords`. The emulator may not know this operation. */
  operation: string;
  /** Media type of the body, without parameters. */
  contentType: string;
  body: Uint8Array;
}

export interface KinesisResponse {
  status: number;
  contentType: string;
  body: string | Uint8Array;
}

/** A message to the emulator's process: a request, or the instruction to close the streams and to exit. */
export type KinesisMessage = ({ id: number } & KinesisRequest) | 'close';

/**
 * A message from the emulator's process: a response (with the reason if the emulator failed), or `open` when the
 * streams are open.
 */
export type KinesisReply = ({ id: number; failure?: string } & KinesisResponse) | 'open';

export const AMZ_JSON = 'application/x-amz-json-1.1';
/** The AWS SDKs for Java use this media type by default. */
export const AMZ_CBOR = 'application/x-amz-cbor-1.1';
