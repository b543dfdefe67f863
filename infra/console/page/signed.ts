import { AwsClient } from 'aws4fetch';
import { ApiError, readJson, send } from './api.ts';
import { developerKey, forgetKey } from './developer-key.tsx';
import { loadSettings } from './settings.ts';

/** Codes of AWS that mean that the key is wrong. */
const WRONG_KEY =
  /^(UnrecognizedClient|InvalidSignature|MissingAuthenticationToken|IncompleteSignature)Exception$/;
/** The messages of AWS for a signature whose time differs too much from the server's time. */
const WRONG_TIME = /^Signature (expired|not yet current)/;
/** The second attempt uses the server's time, and the third another key. */
const MAX_ATTEMPTS = 3;
/** A difference between the two clocks up to this value is ignored. The service accepts a signature for 15 minutes. */
const TOLERATED_MS = 60_000;

/** How far the clock of the server is ahead of the browser's clock, in milliseconds. */
let aheadMs = 0;

export interface SignedRequest {
  service: 'cognito-sync' | 'cognito-identity' | 'execute-api';
  method?: 'GET' | 'POST' | 'DELETE';
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: object;
  /** True for a request that the user did not cause: if the service rejects the default key, the request fails. */
  isBackground?: boolean;
}

/**
 * Sends a request that is signed with a developer key. If the clocks differ too much, sends it again with the server's
 * time. If the service no longer accepts the default key, asks for a key.
 *
 * @throws {ApiError}
 * @throws {NoKeyError} the user entered no key
 */
export async function sendSigned<Result>(request: SignedRequest): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOnce<Result>(request);
    } catch (error) {
      if (!canRepeat(error, request) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** Returns whether a failed request may succeed if it is signed again. Forgets the key if the service rejected it. */
function canRepeat(error: unknown, { isBackground = false }: SignedRequest): boolean {
  if (!(error instanceof ApiError) || !WRONG_KEY.test(error.code ?? '')) return false;
  // The service checks the time before the signature, so the key may be right. The next signature uses the server's time.
  if (WRONG_TIME.test(error.message)) return true;
  return forgetKey() && !isBackground;
}

async function sendOnce<Result>({
  service,
  method = 'GET',
  path,
  headers = {},
  body,
}: SignedRequest): Promise<Result> {
  const { region } = await loadSettings();
  const client = new AwsClient({ ...(await developerKey()), region, service });
  const signed = await client.sign(location.origin + path, {
    method,
    headers: { 'Content-Type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
    aws: { datetime: new Date(Date.now() + aheadMs).toISOString().replace(/[:-]|\.\d{3}/g, '') },
  });
  const response = await send(signed);
  noteClock(response);
  return readJson<Result>(response);
}

/** Notes how far the clocks differ, so that the next signature has the time of the server. */
function noteClock(response: Response): void {
  const date = Date.parse(response.headers.get('Date') ?? '');
  if (!Number.isNaN(date)) aheadMs = Math.abs(date - Date.now()) > TOLERATED_MS ? date - Date.now() : 0;
}
