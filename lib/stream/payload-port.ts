/**
 * Resolves to the bytes behind the URL of an offloaded event.
 *
 * @throws {PayloadRefusedError} they can never be had from there
 * @throws {PayloadUnavailableError} not now; the whole may be tried again
 */
export type FetchPayload = (url: string) => Promise<Uint8Array>;
