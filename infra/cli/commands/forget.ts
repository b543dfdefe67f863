import { EvidenceError } from '../../../lib/backfill/evidence.ts';
import { type ForgetReceipt, forget as forgetIdentity } from '../../../lib/backfill/forget.ts';
import type { OperatedService } from '../../../lib/backfill/operated-service.ts';
import { createForgetStore } from '../../../lib/backfill/store/forget-store.ts';
import { SyncClientError } from '../../../lib/backfill/sync-client.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { checkMember, readPool } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { readOptions } from '../command-line.ts';
import { openServiceIfAny } from '../operated-service.ts';
import { count, isoOf, timeText } from '../terminal/format.ts';

interface ForgetArguments {
  identityPoolId: string;
  identityId: string;
  isAsked: boolean;
  asJson: boolean;
}

/** Erases what the query store holds of one person. */
export const forget: Command = {
  summary: 'erase all that the query store holds of one person, with a receipt; asks first',
  usage: ['forget --pool <id> --identity <id> [--yes] [--json]'],
  prepare(args) {
    const options = readArguments(args);
    return (deps) => run(options, deps);
  },
  question(args) {
    const { identityPoolId, identityId, isAsked, asJson } = readArguments(args);
    if (!isAsked) return undefined;
    if (asJson) throw new UsageError('forget --json takes --yes as well: nothing can be asked then');
    return `Erase all that the query store holds of ${identityId} in ${identityPoolId}? It cannot be undone.`;
  },
};

function readArguments(args: string[]): ForgetArguments {
  const values = readOptions('forget', args, {
    pool: { type: 'string' },
    identity: { type: 'string' },
    yes: { type: 'boolean', default: false },
  });
  const identityPoolId = readPool('forget', values.pool);
  if (values.identity === undefined)
    throw new UsageError('forget takes --identity with the id of an identity');
  checkMember('IdentityId', values.identity);
  return { identityPoolId, identityId: values.identity, isAsked: !values.yes, asJson: values.json };
}

async function run(
  { identityPoolId, identityId, asJson }: ForgetArguments,
  { database, openService, print, now }: CommandDeps,
): Promise<void> {
  // What lies in the query store is erased whether the service can be asked or not.
  const { service, why } = await openServiceIfAny(openService, identityPoolId);
  try {
    const pool = service === null ? NOT_TOLD : await lookAtPool(service, identityPoolId);
    const { retentionMs } = pool;
    const identity = { identityPoolId, identityId, ...(retentionMs !== null && { retentionMs }) };
    const store = createForgetStore(database);
    const receipt = await forgetIdentity({ store, api: service?.api ?? null, now }, identity);
    // Only afterwards: in quarantine there may be something of the person where nothing names the pool.
    if (pool.isMissing && isNothing(receipt) && !(await store.knowsPool(identityPoolId))) {
      throw new SetupError(
        `neither the service nor the query store knows the pool ${identityPoolId}; nothing was erased`,
      );
    }
    const told = why === null ? receipt : { ...receipt, notKnown: why };
    for (const line of asJson ? [toJson(told)] : describe(told)) print(line);
  } finally {
    service?.close();
  }
}

interface PoolAtService {
  /** For how long its stream keeps events; null where that cannot be told. */
  retentionMs: number | null;
  /** The service was asked, and has no such pool. */
  isMissing: boolean;
}

const NOT_TOLD: PoolAtService = { retentionMs: null, isMissing: false };

async function lookAtPool({ api, streams }: OperatedService, identityPoolId: string): Promise<PoolAtService> {
  try {
    const { streamName } = await api.readStreaming(identityPoolId);
    if (streamName === null) return NOT_TOLD;
    return { retentionMs: await streams.readRetentionMs(streamName), isMissing: false };
  } catch (error) {
    if (error instanceof SyncClientError) {
      return { retentionMs: null, isMissing: error.condition === 'not-found' };
    }
    if (error instanceof EvidenceError) return NOT_TOLD;
    throw error;
  }
}

function isNothing({ erased }: ForgetReceipt): boolean {
  return Object.values(erased).every((rows) => rows === 0);
}

function describe(receipt: ForgetReceipt): string[] {
  const { identityPoolId, identityId, forgottenAt, erased, holdsStill, notKnown, repeatAfter } = receipt;
  return [
    `${identityId} in ${identityPoolId}, ${timeText(forgottenAt)}`,
    ...(isNothing(receipt) ? ['  nothing of this identity was there'] : []),
    `  erased: ${count(erased.datasets, 'dataset')}, ${count(erased.records, 'record')} with tombstones, ${count(erased.quarantined, 'event')} in quarantine, ${count(erased.datedRemovals, 'dated removal')}, ${count(erased.payloads, 'offloaded payload')}`,
    ...(holdsStill === null
      ? [`  whether the service still has datasets is not known: ${notKnown ?? 'nobody was asked'}`]
      : describeHeld(holdsStill)),
    `  The stream may hold events of this person until ${timeText(repeatAfter)}: run this again after that.`,
    '  Failure objects and backups are not looked at.',
  ];
}

function describeHeld(names: readonly string[]): string[] {
  if (names.length === 0) return ['  the service has no datasets of this identity'];
  return [
    `  the service still has ${count(names.length, 'dataset')}: ${names.join(', ')}`,
    '  A bulk publish or a write brings those back: have them deleted there first, then run this again.',
  ];
}

function toJson({ forgottenAt, repeatAfter, ...receipt }: ForgetReceipt): string {
  return JSON.stringify({ ...receipt, forgottenAt: isoOf(forgottenAt), repeatAfter: isoOf(repeatAfter) });
}
