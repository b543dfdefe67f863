import type { LoginMode } from '../../../lib/common/read-login-settings.ts';
import type { KeySetStatus } from '../../../lib/identity/logins/key-sets.ts';
import type { RequestHead } from '../../../lib/wire/canonical-request.ts';
import type { MappingStatus } from '../event-source-mapping/event-source-mapping.ts';
import type { ProjectionTotals } from '../projection-totals.ts';
import type { ScheduleStatus } from '../schedules/schedule.ts';
import type { WriteStatus } from '../write-monitor.ts';
import { type Route, sendJson } from './http-server.ts';

export interface Health {
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
      const { mappings, schedules, writes, ...rest } = health();
      const isFailing = writes.lastError !== null;
      const isRetrying =
        schedules.some(({ lastError }) => lastError !== null) ||
        mappings.some(
          ({ lastError, shards }) => lastError !== null || shards.some((shard) => shard.lastError !== null),
        );
      sendJson(response, isFailing || isRetrying ? 503 : 200, {
        service: 'cognito-sync-backend',
        pid: process.pid,
        status: isFailing ? 'failing' : isRetrying ? 'retrying' : 'ok',
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

/** Some monitors send HEAD: they read only the status. */
function isHealthCheck({ method, target }: RequestHead): boolean {
  return (method === 'GET' || method === 'HEAD') && target === '/healthz';
}
