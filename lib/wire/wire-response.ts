export interface WireResponse {
  status: number;
  /** Android looks `x-amzn-ErrorType` up by its very letters: whoever sends these keeps their case. */
  headers: [name: string, value: string][];
  body: string;
}

/** What the wire layer logs through. */
export interface WireLogger {
  error(message: string, details: Record<string, unknown>): void;
}
