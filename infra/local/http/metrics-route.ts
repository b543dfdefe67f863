import { formatMetrics, METRICS_CONTENT_TYPE, type Metric } from '../metrics/format-metrics.ts';
import type { Route } from './http-server.ts';
import { sendResponse } from './send-response.ts';

/** Answers `GET /metrics` on loopback with metrics in Prometheus's text format. `read` must not wait for long. */
export function createMetricsRoute(read: () => Promise<Metric[]>): Route {
  return {
    matches: ({ method, target }) => method === 'GET' && target === '/metrics',
    async answer(_request, response) {
      sendResponse(response, 200, [['Content-Type', METRICS_CONTENT_TYPE]], formatMetrics(await read()));
    },
  };
}
