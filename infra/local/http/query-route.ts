import type { QueryApi } from '../../../lib/wire/query/query-api.ts';
import type { Route } from './http-server.ts';
import { sendResponse } from './send-response.ts';

/**
 * Serves the query API. Only on loopback and to pages of the port's own origin, because its readers need no key.
 * @param open called before the first answer
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
