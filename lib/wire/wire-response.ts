/** An HTTP response. The body is a text by default, because most APIs have only short bodies. */
export interface WireResponse<Body extends WireBody = string> {
  status: number;
  /**
   * The SDK for Android looks up `x-amzn-ErrorType` case-sensitively, so the HTTP server must keep the case of header
   * names.
   */
  headers: [name: string, value: string][];
  body: Body;
}

/** The text of a response body, or its parts, which are created as they are sent. */
export type WireBody = string | AsyncIterable<string>;

/** The logger of the wire layer. */
export interface WireLogger {
  error(message: string, details: Record<string, unknown>): void;
  /** Receives what is usually not logged, with the request id that the client shows. Absent if it is never logged. */
  debug?(message: string, details: Record<string, unknown>): void;
}
