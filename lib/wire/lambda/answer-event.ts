import type { RefreshedResource } from '../../common/refreshed-resource.ts';
import { INTERNAL_ERROR, RequestError, toErrorResponse } from '../errors.ts';
import { type Answering, answerRequest } from '../service/answer-request.ts';
import type { SourceAddresses } from '../source-address.ts';
import type { WireBody, WireLogger, WireResponse } from '../wire-response.ts';
import { type EntryPoint, readEvent } from './read-event.ts';
import { type HttpResult, writeResult } from './write-result.ts';

interface AnswerEventDeps {
  /** The service with the current keys. The object stays the same until a key or setting is rotated. */
  service: RefreshedResource<Answering>;
  sources: Pick<SourceAddresses, 'of'>;
  logger: WireLogger;
  /** Called for each answer with a status of 500 or above. */
  reportServerError: () => void;
}

type ReadEvent = ReturnType<typeof readEvent>;

/** The assumed entry point of a rejected event. HTTP APIs also accept results in the form for function URLs. */
const HTTP_API: EntryPoint = { kind: 'function-url', multiValueHeaders: false };

/**
 * Creates the function that answers an event of Lambda with a result.
 *
 * A request can be rejected because its access key or token is newer than the keys that this instance has read. After
 * such a rejection, the keys are therefore read again, and if they have changed, the request is answered again. This is
 * safe, because a rejected request has changed nothing.
 *
 * @returns a function that throws {InvalidEventError} if the event is not an HTTP request
 */
export function createAnswerEvent({ service, sources, logger, reportServerError }: AnswerEventDeps) {
  return async (event: unknown): Promise<HttpResult> => {
    const result = await answer(event);
    if (result.statusCode >= 500) reportServerError();
    return result;
  };

  async function answer(event: unknown): Promise<HttpResult> {
    const read = readOrReject(event);
    if (read instanceof RequestError) return writeResult(toErrorResponse(read), HTTP_API);
    try {
      return await service.use((current) => answerComplete(read, current));
    } catch (error) {
      logger.error('a request failed', { error });
      return writeResult(toErrorResponse(INTERNAL_ERROR), read.entryPoint);
    }
  }

  async function answerComplete({ request, entryPoint }: ReadEvent, current: Answering): Promise<HttpResult> {
    const response = await answerRequest(request, current);
    if (!mayDependOnKeys(response)) return writeResult(response, entryPoint);
    return service.useLatest(async (latest) => {
      const again = latest === current ? response : await answerRequest(request, latest);
      return writeResult(again, entryPoint);
    });
  }

  function readOrReject(event: unknown): ReadEvent | RequestError {
    try {
      return readEvent(event, sources);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      logger.error('an event of an unsupported entry point was rejected', { reason: error.message });
      return error;
    }
  }
}

/** Error codes of responses that reject a signature, token or login, or for which the provider has no settings. */
const CODES_OF_KEYS = new Set([
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'NotAuthorizedException',
  'InvalidIdentityPoolConfigurationException',
  'InvalidIdentityToken',
]);

/** Whether other keys or settings of login providers could change the response. */
function mayDependOnKeys({ status, headers, body }: WireResponse<WireBody>): boolean {
  if ((status !== 400 && status !== 403) || typeof body !== 'string') return false;
  const [, named] = headers.find(([name]) => name === 'x-amzn-ErrorType') ?? [];
  // STS names the code only in the body.
  const code = named?.replace(/:$/, '') ?? /<Code>(\w+)<\/Code>/.exec(body)?.[1] ?? '';
  // Most invalid requests have this code too, so the text of the message decides. `notValidToken` writes it.
  if (code === 'InvalidParameterException') return body.includes(' not valid for these inputs');
  return CODES_OF_KEYS.has(code);
}
