import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { connectionMetrics, createDatabaseMetrics } from '../../../infra/local/metrics/database-metrics.ts';
import { createLocalMetrics } from '../../../infra/local/metrics/local-metrics.ts';
import { processMetrics } from '../../../infra/local/metrics/process-metrics.ts';
import { createProjectionTotals } from '../../../infra/local/projection-totals.ts';
import { forEachUse } from '../../../lib/database/connections.ts';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';

interface Dashboard {
  panels: { title: string; targets: { expr: string }[] }[];
}

const { panels }: Dashboard = JSON.parse(
  readFileSync(new URL('../../../docs/grafana-dashboard.json', import.meta.url), 'utf8'),
);

/** A database that is down. The metrics are listed with their names even then. */
const down: Database = {
  query: () => Promise.reject(new DatabaseError('down', 'ECONNREFUSED')),
  transaction: () => Promise.reject(new DatabaseError('down', 'ECONNREFUSED')),
  close: async () => undefined,
};

async function metricNames(): Promise<Set<string>> {
  const projection = createProjectionTotals().totals();
  const metrics = [
    ...createLocalMetrics().read({ mappings: [], schedules: [], projection }),
    ...(await createDatabaseMetrics(down)()),
    ...connectionMetrics(forEachUse(() => down)),
    ...processMetrics(),
  ];
  return new Set(metrics.flatMap(({ name, type }) => (type === 'histogram' ? [`${name}_bucket`] : [name])));
}

it('the dashboard uses only metrics that exist, and all of them', async () => {
  const used = panels.flatMap(({ targets }) =>
    targets.flatMap(({ expr }) => expr.match(/\b(?:cognito_sync|process|nodejs)_\w+/g) ?? [expr]),
  );
  expect(new Set(used)).toEqual(await metricNames());
});
