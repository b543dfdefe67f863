import type { SyncApi } from '../../../lib/wire/sync-api.ts';
import type { Route } from './http-server.ts';
import { sendWireResponse } from './send-wire-response.ts';

/**
 * The Cognito Sync API on the local port. Web pages of any origin may ask: what they ask has to be signed, and the
 * browser clients of the API come from pages elsewhere.
 */
export function createSyncApiRoute(syncApi: SyncApi): Route {
  return {
    anyOrigin: true,
    offLoopback: true,
    matches: ({ target }) => /^\/identitypools(?:[/?]|$)/.test(target),
    async answer(request, response) {
      sendWireResponse(response, await syncApi(request));
    },
  };
}
