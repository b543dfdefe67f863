import type { SyncApi } from '../../lib/wire/sync-api.ts';
import type { Route } from './port.ts';

/**
 * The Cognito Sync API on the local port. Web pages of any origin may ask: what they ask has to be signed, and the
 * browser clients of the API come from pages elsewhere.
 */
export function createSyncApiRoute(syncApi: SyncApi): Route {
  return {
    anyOrigin: true,
    matches: ({ target }) => /^\/identitypools(?:[/?]|$)/.test(target),
    async answer(request, response) {
      const { status, headers, body } = await syncApi(request);
      // Node sends header names as they are given, in their own case.
      response.writeHead(status, [...headers.flat(), 'Content-Length', String(Buffer.byteLength(body))]);
      response.end(body);
    },
  };
}
