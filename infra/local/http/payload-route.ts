import { PAYLOAD_PATH } from '../../../lib/stream/payload-url.ts';
import type { PayloadApi } from '../../../lib/wire/payload-api.ts';
import type { Route } from './http-server.ts';
import { sendWireResponse } from './send-wire-response.ts';

/** The records of offloaded events on the local port, where S3 has them in AWS. */
export function createPayloadRoute(payloadApi: PayloadApi): Route {
  return {
    matches: ({ target }) => target.startsWith(PAYLOAD_PATH),
    async answer(request, response) {
      sendWireResponse(response, await payloadApi(request));
    },
  };
}
