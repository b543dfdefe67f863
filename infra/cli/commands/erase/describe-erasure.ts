import {
  type ErasureReceipt,
  isNothing,
  type Remaining,
  type StoredOfIdentity,
} from '../../../../lib/backfill/erase/erasure-receipt.ts';
import type { OperatedService } from '../../../../lib/backfill/ports/operated-service.ts';
import type { ServiceRows } from '../../../../lib/backfill/ports/service-tables.ts';
import { count, isoOf, timeText } from '../../terminal/format.ts';
import { describeFailure } from '../../with-service.ts';

/** The service at which the identity was erased, or the reason why no service was called. */
export interface ErasureContext {
  service: Pick<OperatedService, 'name' | 'isAmazons'> | null;
  why: string | null;
}

/** Describes the receipt of an erasure for people, one line per item. */
export function describeErasure(receipt: ErasureReceipt, context: ErasureContext): string[] {
  const { identityPoolId, identityId, mergedIdentities, isDryRun, erasedAt, found, remains } = receipt;
  const verb = isDryRun ? 'would erase' : 'erased';
  return [
    `${identityId} in ${identityPoolId}${erasedAt === null ? ', dry run' : `, ${timeText(erasedAt)}`}`,
    ...mergedIdentities.map((id) => `  includes ${id}, which was merged into it`),
    ...(isNothing(found) ? ['  nothing of this identity was stored'] : describeFound(found, verb, context)),
    ...describeReach(receipt, context),
    ...remains.map((remaining) => `  remains: ${describeRemaining(remaining, context)}`),
    ...(isDryRun || remains.length > 0 ? [] : ['  complete: nothing of this identity is stored any more']),
    '  Not searched: failure objects, backups, logs, and other readers of the stream.',
  ];
}

function describeFound(
  { queryStore, tables, datasetsAtService }: StoredOfIdentity,
  verb: string,
  { service }: ErasureContext,
): string[] {
  const { datasets, records, quarantined } = queryStore;
  return [
    ...(service === null || datasetsAtService === null
      ? []
      : [`  ${verb} at ${service.name}: ${count(datasetsAtService, 'dataset')}`]),
    ...(tables === null
      ? []
      : [
          `  ${verb} in the service's tables: ${[
            count(tables.identities, 'identity', 'identities'),
            count(tables.logins, 'login'),
            count(tables.devices, 'device'),
            count(tables.datasets, 'dataset'),
            count(tables.records, 'record'),
            count(tables.pendingMerges, 'pending merge'),
            count(tables.pendingDeletions, 'pending deletion'),
            count(tables.unpublishedEvents, 'unpublished event'),
            count(tables.payloads, 'payload'),
            ...describeMoved(tables),
          ].join(', ')}`,
        ]),
    `  ${verb} in the query store: ${count(datasets, 'dataset')}, ${count(records, 'record')} including tombstones, ${count(quarantined, 'event')} in quarantine`,
  ];
}

function describeMoved({ conflicts, bridgedKeys, unbridgedDatasets }: ServiceRows): string[] {
  return [
    ...(conflicts > 0 ? [count(conflicts, 'conflict')] : []),
    ...(bridgedKeys > 0 ? [count(bridgedKeys, 'bridged key')] : []),
    ...(unbridgedDatasets > 0 ? [count(unbridgedDatasets, 'waiting dataset')] : []),
  ].map((counted) => `${counted} of a migration`);
}

/** Says which parts of the service this command can reach. */
function describeReach({ found }: ErasureReceipt, { service }: ErasureContext): string[] {
  if (found.tables !== null)
    return ['  The tables of the service are in this database. No service was called.'];
  return service?.isAmazons
    ? [
        "  Amazon's service: its datasets and the identity were deleted through its API. Amazon documents no call that deletes registered devices.",
      ]
    : ['  The tables of the service are not in this database.'];
}

function describeRemaining(remaining: Remaining, { service, why }: ErasureContext): string {
  switch (remaining.kind) {
    case 'service':
      return remaining.error === null || service === null
        ? `the identity and its datasets at the service, which was not called: ${why ?? 'no service is configured'}`
        : `the identity and its datasets at the service: ${describeFailure(remaining.error, service)}`;
    case 'datasets-at-service':
      return `${count(remaining.datasets, 'dataset')} at the service, written while the identity was erased; run this command again`;
    case 'service-rows':
      return `${count(remaining.rows, 'row')} in the service's tables, locked or written while the identity was erased, or waiting until the datasets are deleted at the origin of a migration; run this command again`;
    case 'query-store-rows':
      return `${count(remaining.rows, 'row')} in the query store, written while the identity was erased; run this command again`;
    case 'waiting-removals':
      return `${count(remaining.events, 'event')} in the outbox that report deleted datasets to the readers of the stream; they contain ids, but no records, and are removed when the service publishes them. If the stream no longer exists, run this command again after a day`;
    case 'other-database':
      return `perhaps unpublished events and payloads in the database of the service, until ${timeText(remaining.until)}; run this command with the DATABASE_URL of the service`;
    case 'stream':
      return `perhaps events on the stream, until ${timeText(remaining.until)}; the query store ignores them; run this command again after that time`;
  }
}

/** Converts the receipt of an erasure to an object for JSON output. */
export function erasureToJson({ erasedAt, remains, ...receipt }: ErasureReceipt, context: ErasureContext) {
  return {
    ...receipt,
    service: context.service?.name ?? null,
    erasedAt: isoOf(erasedAt),
    isComplete: !receipt.isDryRun && remains.length === 0,
    remains: remains.map((remaining) => ({
      kind: remaining.kind,
      until: 'until' in remaining ? isoOf(remaining.until) : null,
      message: describeRemaining(remaining, context),
    })),
  };
}
