import type { LoginMode } from '../../../lib/common/read-login-settings.ts';
import type { KeySetStatus } from '../../../lib/identity/logins/key-sets.ts';
import type { RequestHead } from '../../../lib/wire/canonical-request.ts';
import type { MappingStatus } from '../event-source-mapping/event-source-mapping.ts';
import type { ProjectionTotals } from '../projection-totals.ts';
import type { ScheduleStatus } from '../schedules/schedule.ts';
import type { WriteStatus } from '../write-monitor.ts';
import { type Route, sendJson } from './http-server.ts';

export interface Health {
  /** Whether the service answers no more requests of clients. */
  isStopping: boolean;
  database: 'embedded' | 'server';
  writes: WriteStatus;
  logins: LoginStatus;
  projection: ProjectionTotals;
  mappings: MappingStatus[];
  schedules: ScheduleStatus[];
}

export interface LoginStatus {
  mode: LoginMode;
  /** The keys of login providers that were needed since the start. */
  keySets: KeySetStatus[];
}

/**
 * Answers `/healthz` on loopback with the state of the local cloud. It runs no query, so it responds even while the
 * database is busy. The status is 503 while a scheduled function or the processing of a stream is being retried, and
 * while the database cannot be written to. A login provider that is unavailable does not change the status, because a
 * restart or another instance would not help.
 */
export function createHealthRoute(health: () => Health): Route {
  return {
    matches: isHealthCheck,
    answer(_request, response) {
      const { isStopping, mappings, schedules, writes, ...rest } = health();
      const isFailing = writes.lastError !== null;
      const isRetrying =
        schedules.some(({ lastError }) => lastError !== null) ||
        mappings.some(
          ({ lastError, shards }) => lastError !== null || shards.some((shard) => shard.lastError !== null),
        );
      const status = isStopping ? 'stopping' : isFailing ? 'failing' : isRetrying ? 'retrying' : 'ok';
      sendJson(response, status === 'ok' ? 200 : 503, {
        service: 'cognito-sync-backend',
        pid: process.pid,
        status,
        ...rest,
        writes,
        mappings,
        schedules,
      });
    },
  };
}

/**
 * Answers `/healthz` from other machines. The answer says only that the port responds. It says nothing about the
 * state of the service: a load balancer must not remove the service because the query store is behind the stream.
 */
export function createLivenessRoute(): Route {
  return {
    offLoopback: true,
    matches: isHealthCheck,
    answer(_request, response) {
      sendJson(response, 200, { status: 'ok' });
    },
  };
}

/** Some monitors send HEAD, because they read only the status. Others add a query, so that no cache answers. */
function isHealthCheck({ method, target }: RequestHead): boolean {
  return (method === 'GET' || method === 'HEAD') && /^\/healthz(\?|$)/.test(target);
}
