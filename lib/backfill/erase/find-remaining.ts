import type { ServiceRows } from '../ports/service-tables.ts';
import type { SyncClientError } from '../ports/sync-client.ts';
import type { EraseOptions, QueryRows, Remaining, StoredOfIdentity } from './erasure-receipt.ts';

/** The lifetime of the links to payloads, after which the payloads are deleted. See lib/sync/payload-links.ts. */
const PAYLOAD_LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

interface ErasureFacts extends Pick<EraseOptions, 'isPoolMissing' | 'isAmazons' | 'retentionMs'> {
  isServiceUnknown: boolean;
  serviceError: SyncClientError | null;
  left: StoredOfIdentity;
  waitingRemovals: number;
  erasedAt: number;
  now: number;
}

/** Lists what remains after an erasure, the most urgent first. */
export function findRemaining(facts: ErasureFacts): Remaining[] {
  const { isPoolMissing, isAmazons, retentionMs, left, waitingRemovals, erasedAt, now } = facts;
  const remains: Remaining[] = [];
  if (facts.isServiceUnknown || facts.serviceError !== null) {
    remains.push({ kind: 'service', error: facts.serviceError });
  }
  const { datasetsAtService, tables, queryStore } = left;
  if (datasetsAtService) remains.push({ kind: 'datasets-at-service', datasets: datasetsAtService });
  const serviceRows = tables === null ? 0 : sum(tables);
  if (serviceRows > 0) remains.push({ kind: 'service-rows', rows: serviceRows });
  if (sum(queryStore) > 0) remains.push({ kind: 'query-store-rows', rows: sum(queryStore) });
  if (waitingRemovals > 0) remains.push({ kind: 'waiting-removals', events: waitingRemovals });
  const untilPayloads = erasedAt + PAYLOAD_LIFETIME_MS;
  const mayHavePayloads = tables === null && !isAmazons && !isPoolMissing;
  if (mayHavePayloads && now < untilPayloads) remains.push({ kind: 'other-database', until: untilPayloads });
  if (retentionMs !== null && now < erasedAt + retentionMs) {
    remains.push({ kind: 'stream', until: erasedAt + retentionMs });
  }
  return remains;
}

function sum(rows: QueryRows | ServiceRows): number {
  return Object.values(rows).reduce((total, number) => total + number, 0);
}
