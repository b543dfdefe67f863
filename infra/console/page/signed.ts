import { AwsClient } from 'aws4fetch';
import { ApiError, readJson, send } from './api.ts';
import { developerKey, forgetKey } from './developer-key.tsx';
import { loadSettings } from './settings.ts';

/** Codes of AWS that mean that the key is wrong. */
const WRONG_KEY =
  /^(UnrecognizedClient|InvalidSignature|MissingAuthenticationToken|IncompleteSignature)Exception$/;
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
}

/**
 * Sends a request that is signed with a developer key.
 * @throws {ApiError}
 * @throws {NoKeyError} the user entered no key
 */
export async function sendSigned<Result>({
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
  try {
    return await readJson<Result>(response);
  } catch (error) {
    if (error instanceof ApiError && WRONG_KEY.test(error.code ?? '')) forgetKey();
    throw error;
  }
}

/** Notes how far the clocks differ, so that the next signature has the time of the server. */
function noteClock(response: Response): void {
  const date = Date.parse(response.headers.get('Date') ?? '');
  if (!Number.isNaN(date)) aheadMs = Math.abs(date - Date.now()) > TOLERATED_MS ? date - Date.now() : 0;
}
