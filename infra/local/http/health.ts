import type { MappingStatus } from '../event-source-mapping/event-source-mapping.ts';
import type { ProjectionTotals } from '../projection-totals.ts';
import type { ScheduleStatus } from '../schedules/schedule.ts';
import { type Route, sendJson } from './http-server.ts';

export interface Health {
  database: 'embedded' | 'server';
  projection: ProjectionTotals;
  mappings: MappingStatus[];
  schedules: ScheduleStatus[];
}

/**
 * `GET /healthz` on loopback: reports the state of the local cloud. It runs no query, so it responds even while the
 * database is busy. The status is 503 while a function or the stream is being retried.
 */
export function createHealthRoute(health: () => Health): Route {
  return {
    matches: ({ method, target }) => method === 'GET' && target === '/healthz',
    answer(_request, response) {
      const { mappings, schedules, ...rest } = health();
      const isRetrying =
        schedules.some(({ lastError }) => lastError !== null) ||
        mappings.some(
          ({ lastError, shards }) => lastError !== null || shards.some((shard) => shard.lastError !== null),
        );
      sendJson(response, isRetrying ? 503 : 200, {
        service: 'cognito-sync-backend',
        pid: process.pid,
        status: isRetrying ? 'retrying' : 'ok',
        ...rest,
        mappings,
        schedules,
      });
    },
  };
}

/**
 * `GET /healthz` for other machines: says that the port answers, and nothing about the service's state. A load balancer
 * that asks must not take the service out because the query store lags.
 */
export function createLivenessRoute(): Route {
  return {
    offLoopback: true,
    matches: ({ method, target }) => method === 'GET' && target === '/healthz',
    answer(_request, response) {
      sendJson(response, 200, { status: 'ok' });
    },
  };
}
