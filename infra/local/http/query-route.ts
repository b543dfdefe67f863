import type { QueryApi } from '../../../lib/wire/query/query-api.ts';
import type { Route } from './http-server.ts';
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
      api ??= open();
      const answered = await (await api)(new Request(new URL(target, 'http://localhost'), { method }));
      const headers = [...answered.headers, ['Cache-Control', 'no-store'] as const];
      sendResponse(response, answered.status, headers, await answered.text());
    },
  };
}
