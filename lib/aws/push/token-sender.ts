import type { PushDevice } from '../../sync/ports/push.ts';

/** Sends messages to devices by their tokens, without a stored endpoint of the device at the provider. */
export interface TokenSender {
  /**
   * Returns the token in the form in which it is sent. Returns null if the text cannot be a token, so that it never
   * becomes part of a request.
   */
  readToken(text: string): string | null;
  /**
   * @param message JSON text in the form of the device's platform
   * @throws {PushError} `disabled`, `temporary` or `failed`
   */
  send(token: string, device: PushDevice, message: string): Promise<void>;
  /** Closes idle connections immediately, and connections in use as soon as their requests have ended. */
  close(): void;
}
