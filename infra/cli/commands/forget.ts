import { type ForgetReceipt, forget as forgetIdentity } from '../../../lib/backfill/forget/forget.ts';
import { EvidenceError } from '../../../lib/backfill/ports/evidence.ts';
import type { OperatedService } from '../../../lib/backfill/ports/operated-service.ts';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { createForgetStore } from '../../../lib/backfill/store/forget-store.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { checkMember, readOptions, readPool } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { count, isoOf, timeText } from '../terminal/format.ts';
import { printJson } from '../terminal/print-json.ts';
import { openServiceIfAny } from '../with-service.ts';

interface ForgetArguments {
  identityPoolId: string;
  identityId: string;
  isAsked: boolean;
  asJson: boolean;
}

/** Erases all data of one identity from the query store. */
export const forget: Command = {
  summary: 'erase all data of one identity from the query store and print a receipt; asks for confirmation',
  usage: ['forget --pool <id> --identity <id> [--yes] [--json]'],
  prepare(args) {
    const options = readArguments(args);
    return (deps) => run(options, deps);
  },
  question(args) {
    const { identityPoolId, identityId, isAsked, asJson } = readArguments(args);
    if (!isAsked) return undefined;
    if (asJson) throw new UsageError('forget --json needs --yes, because it cannot ask for confirmation');
    return `Erase all data of ${identityId} in ${identityPoolId} from the query store? This cannot be undone.`;
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
  // The identity is erased from the query store even if the service cannot be queried. The receipt then says so.
  const { service, why } = await openServiceIfAny(openService, identityPoolId);
  try {
    const pool = service === null ? UNKNOWN : await readPoolAtService(service, identityPoolId);
    const { retentionMs } = pool;
    const identity = { identityPoolId, identityId, ...(retentionMs !== null && { retentionMs }) };
    const store = createForgetStore(database);
    const receipt = await forgetIdentity({ store, api: service?.api ?? null, now }, identity);
    // An unknown pool can be a mistyped id. The pool is checked only after the erasure: events in quarantine can belong
    // to the identity even if no other row names their pool.
    if (pool.isMissing && isNothing(receipt) && !(await store.knowsPool(identityPoolId))) {
      throw new SetupError(
        `neither the service nor the query store knows the pool ${identityPoolId}, so nothing was erased; check --pool`,
      );
    }
    const complete = why === null ? receipt : { ...receipt, notKnown: why };
    if (asJson) printJson(print, toJson(complete));
    else for (const line of describe(complete)) print(line);
  } finally {
    service?.close();
  }
}

interface PoolAtService {
  /** Retention of the pool's stream; null if it is unknown. */
  retentionMs: number | null;
  /** Whether the service responded that the pool does not exist. */
  isMissing: boolean;
}

const UNKNOWN: PoolAtService = { retentionMs: null, isMissing: false };

async function readPoolAtService(
  { api, streams }: OperatedService,
  identityPoolId: string,
): Promise<PoolAtService> {
  try {
    const { streamName } = await api.readStreaming(identityPoolId);
    if (streamName === null) return UNKNOWN;
    return { retentionMs: await streams.readRetentionMs(streamName), isMissing: false };
  } catch (error) {
    if (error instanceof SyncClientError) {
      return { retentionMs: null, isMissing: error.condition === 'not-found' };
    }
    if (error instanceof EvidenceError) return UNKNOWN;
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
    ...(isNothing(receipt) ? ['  the query store held no data of this identity'] : []),
    `  erased: ${count(erased.datasets, 'dataset')}, ${count(erased.records, 'record')} including tombstones, ${count(erased.quarantined, 'event')} in quarantine, ${count(erased.datedRemovals, 'dated removal')}, ${count(erased.payloads, 'offloaded payload')}`,
    ...(holdsStill === null
      ? [
          `  unknown whether the service still has datasets of this identity: ${notKnown ?? 'the service was not queried'}`,
        ]
      : describeHeld(holdsStill)),
    `  The stream may hold events of this identity until ${timeText(repeatAfter)}; run this command again after that.`,
    '  Failure objects and backups were not searched.',
  ];
}

function describeHeld(names: readonly string[]): string[] {
  if (names.length === 0) return ['  the service has no datasets of this identity'];
  return [
    `  the service still has ${count(names.length, 'dataset')}: ${names.join(', ')}`,
    '  A bulk publish or a write would restore them: delete them at the service, then run this command again.',
  ];
}

function toJson({ forgottenAt, repeatAfter, ...receipt }: ForgetReceipt) {
  return { ...receipt, forgottenAt: isoOf(forgottenAt), repeatAfter: isoOf(repeatAfter) };
}
