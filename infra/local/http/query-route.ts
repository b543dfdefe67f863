import type { QueryApi } from '../../../lib/wire/query/query-api.ts';
import { type Route, sendJson } from './http-server.ts';
import { sendResponse } from './send-response.ts';

/**
 * Serves the query API, which requires no key. So it answers only on loopback, and only pages of the port's own origin.
 * @param open creates the query API; called at the first request
 */
export function createQueryRoute(open: () => Promise<QueryApi>): Route {
  let api: Promise<QueryApi> | undefined;
  return {
    matches: ({ target }) => /^\/query(?:[/?]|$)/.test(target),
    async answer({ method, target }, response) {
      if (method !== 'GET') {
        return sendJson(
          response,
          405,
          { message: 'the query API has only the method GET' },
          { Allow: 'GET' },
        );
      }
      api ??= open().catch((error: unknown) => {
        api = undefined;
        throw error;
      });
      const answered = await (await api)(new Request(new URL(target, 'http://localhost')));
      // The values are written by devices, so a browser must not guess their type.
      const safe: [string, string][] = [
        ['Cache-Control', 'no-store'],
        ['X-Content-Type-Options', 'nosniff'],
      ];
      sendResponse(response, answered.status, [...answered.headers, ...safe], await answered.text());
    },
  };
}
