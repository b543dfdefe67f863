import { targetedOperation } from '../amz-target.ts';
import type { RequestHead } from '../canonical-request.ts';
import { findIdentityOperation } from '../identity-api-model.ts';
import { isRpcForm } from '../rpc-form.ts';
import { STS_ACTION } from '../sts-api.ts';
import { syncOperationOf } from '../sync-api.ts';
import type { WireBody, WireResponse } from '../wire-response.ts';
import type { FindApi } from './find-api.ts';

/** A request that was answered. */
interface AnsweredRequest {
  /** The operation's name; `preflight` for a preflight request of a browser, `unknown` for an unknown operation. */
  operation: string;
  /** `OK`, or the error code of the response. */
  code: string;
  /** Time from the head of the request to the complete response, in milliseconds. Includes the wait for the body. */
  durationMs: number;
}

/** What observes requests. `now` returns milliseconds of a clock that never goes back. */
export interface RequestObserver {
  started(): void;
  answered(request: AnsweredRequest): void;
  now(): number;
}

/** Wraps the selection of the API, so that each request of an API is observed, with its operation and error code. */
export function observeRequests(findApi: FindApi, observer: RequestObserver): FindApi {
  return (head) => {
    const api = findApi(head);
    if (api === undefined) return undefined;
    return async (request) => {
      const startedAt = observer.now();
      observer.started();
      const end = (code: string) => {
        const operation = operationOf(request);
        observer.answered({ operation, code, durationMs: observer.now() - startedAt });
      };
      const response = await api(request);
      const { body } = response;
      if (typeof body !== 'string') return { ...response, body: untilEnd(body, end) };
      end(codeOf(response, body));
      return response;
    };
  };
}

/**
 * A response whose body has parts has already started with the status 200. If a part fails, the client receives an
 * incomplete body, and the code is `Interrupted`.
 */
async function* untilEnd(body: AsyncIterable<string>, end: (code: string) => void): AsyncGenerator<string> {
  let code = 'Interrupted';
  try {
    yield* body;
    code = 'OK';
  } finally {
    end(code);
  }
}

function operationOf(request: RequestHead): string {
  if (request.method === 'OPTIONS') return 'preflight';
  const sync = syncOperationOf(request);
  if (sync !== undefined) return sync;
  const target = targetedOperation(request, 'AWSCognitoIdentityService');
  if (target !== undefined) return findIdentityOperation(target)?.name ?? 'unknown';
  return request.target.startsWith('/identitypools') || isRpcForm(request) ? 'unknown' : STS_ACTION;
}

/** The JSON protocols have the error code in a header, the XML protocol of STS only in the body. */
function codeOf({ status, headers }: WireResponse<WireBody>, body: string): string {
  if (status < 400) return 'OK';
  const [, code] = headers.find(([name]) => name === 'x-amzn-ErrorType') ?? [];
  return code?.replace(':', '') ?? /<Code>(\w+)<\/Code>/.exec(body)?.[1] ?? `HTTP ${status}`;
}
