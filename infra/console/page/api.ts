import { reportUnreachable } from './connection.ts';

/** A page of a list of the query API. */
export interface PageOf<Item> {
  items: Item[];
  next: string | null;
}

/** The server answered with an error, or not at all (status 0). The message is for the user. */
export class ApiError extends Error {
  override name = 'ApiError';
  readonly status: number;
  readonly code: string | undefined;

  constructor(status: number, message: string, code?: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

type Params = Readonly<Record<string, string | number | undefined>>;

/** Returns a path with the parameters that are defined and not empty. */
export function pathWith(path: string, params: Params): string {
  const given = Object.entries(params).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`;
}

/** The server answers with these statuses if it is busy. */
const BUSY = [429, 503];
const MAX_ATTEMPTS = 5;
const PAUSE_MS = 400;

/** @throws {ApiError} */
export async function getJson<Result>(path: string, signal?: AbortSignal): Promise<Result> {
  return readJson(await sendUntilServed(() => new Request(path, signal ? { signal } : {})));
}

/** @throws {ApiError} */
export async function postJson<Result>(path: string, body: object | string): Promise<Result> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = { 'Content-Type': 'application/json' };
  return readJson(await sendUntilServed(() => new Request(path, { method: 'POST', headers, body: text })));
}

/**
 * Sends a request that only reads. If the server is busy, sends the request again. `/healthz` is never busy: its 503 is
 * an answer.
 */
async function sendUntilServed(create: () => Request): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const request = create();
    const response = await send(request);
    const isBusy = BUSY.includes(response.status) && !request.url.endsWith('/healthz');
    if (!isBusy || attempt === MAX_ATTEMPTS) return response;
    await new Promise((resolve) => setTimeout(resolve, attempt * PAUSE_MS));
  }
}

/** Sends a request to the server. @throws {ApiError} the server does not answer */
export async function send(request: Request): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    reportUnreachable();
    throw new ApiError(0, 'The server does not answer.');
  }
}

/** Reads the answer of the query API or of an AWS API. @throws {ApiError} the status is an error */
export async function readJson<Result>(response: Response): Promise<Result> {
  const text = await response.text();
  const body: unknown = text === '' ? {} : parse(text);
  const isAnswer = response.ok || (response.status === 503 && response.url.endsWith('/healthz'));
  if (isAnswer && body !== undefined) return body as Result;
  const { message, __type: code } = (body ?? {}) as { message?: string; __type?: string };
  throw new ApiError(
    response.status,
    message ?? `The server answered with the status ${response.status}.`,
    response.headers.get('x-amzn-errortype')?.split(':')[0] ?? code,
  );
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
