import { describe, expect, it } from 'vitest';
import { createAnswerEvent } from '../../../lib/wire/lambda/answer-event.ts';
import type { Answering } from '../../../lib/wire/service/answer-request.ts';
import { createSourceAddresses } from '../../../lib/wire/source-address.ts';
import type { WireResponse } from '../../../lib/wire/wire-response.ts';
import { functionUrlEvent } from '../../fixtures/aws/lambda-events.ts';

const EVENT = functionUrlEvent({ method: 'POST', target: '/', headers: [] });

function errorResponse(status: number, code: string, message = 'a reason'): WireResponse {
  return {
    status,
    headers: [['x-amzn-ErrorType', `${code}:`]],
    body: JSON.stringify({ __type: code, message }),
  };
}
const stsError = (code: string): WireResponse => ({
  status: 400,
  headers: [['Content-Type', 'text/xml']],
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code></Error></ErrorResponse>`,
});

/** Answers one event with `first`, or with the body "again" if the keys are read again. */
async function answer(first: WireResponse | Error) {
  const service = (response: WireResponse | Error): Answering => ({
    acceptsOrigin: () => true,
    findApi: () => async () => {
      if (response instanceof Error) throw response;
      return response;
    },
  });
  const [current, latest] = [service(first), service({ status: 200, headers: [], body: 'again' })];
  let reads = 0;
  let serverErrors = 0;
  const answerEvent = createAnswerEvent({
    service: {
      use: (work) => work(current),
      useLatest(work) {
        reads += 1;
        return work(latest);
      },
    },
    sources: createSourceAddresses([]),
    logger: { error: () => undefined },
    reportServerError: () => {
      serverErrors += 1;
    },
  });
  const { statusCode, body } = await answerEvent(EVENT);
  return { statusCode, body, reads, serverErrors };
}

describe('an event whose request is rejected', () => {
  it.each([
    ['an unknown access key', errorResponse(403, 'UnrecognizedClientException')],
    ['a wrong signature', errorResponse(403, 'InvalidSignatureException')],
    ['an unknown login token', errorResponse(400, 'NotAuthorizedException')],
    ['a provider without settings', errorResponse(400, 'InvalidIdentityPoolConfigurationException')],
    [
      'a token of another key',
      errorResponse(400, 'InvalidParameterException', 'NextToken not valid for these inputs'),
    ],
    ['an unknown token in STS', stsError('InvalidIdentityToken')],
  ])('for %s is answered again with the latest keys', async (_, response) => {
    expect(await answer(response)).toMatchObject({ statusCode: 200, body: 'again', reads: 1 });
  });

  it.each([
    ['an invalid parameter', errorResponse(400, 'InvalidParameterException')],
    ['a full dataset', errorResponse(400, 'LimitExceededException')],
    ['a sync trigger', errorResponse(400, 'LambdaSocketTimeoutException')],
    ['an expired token', errorResponse(403, 'ExpiredTokenException')],
    ['a body that is not JSON', errorResponse(400, 'SerializationException')],
    ['an invalid parameter in STS', stsError('ValidationError')],
    ['a stale patch', errorResponse(409, 'ResourceConflictException')],
  ])('for %s does not read the keys again', async (_, response) => {
    expect(await answer(response)).toMatchObject({ statusCode: response.status, reads: 0 });
  });
});

describe('an event whose answer is an error of the server', () => {
  it('is reported as a server error, also if the service throws; other answers are not reported', async () => {
    expect(await answer(errorResponse(500, 'InternalErrorException'))).toMatchObject({ serverErrors: 1 });
    expect(await answer(new Error('a bug'))).toMatchObject({ statusCode: 500, serverErrors: 1 });
    expect(await answer(errorResponse(400, 'LimitExceededException'))).toMatchObject({ serverErrors: 0 });
    expect(await answer({ status: 200, headers: [], body: '' })).toMatchObject({ serverErrors: 0 });
  });
});
