import { setTimeout as sleep } from 'node:timers/promises';
import { erase as eraseIdentity } from '../../../lib/backfill/erase/erase.ts';
import type { ErasureReceipt } from '../../../lib/backfill/erase/erasure-receipt.ts';
import { EvidenceError } from '../../../lib/backfill/ports/evidence.ts';
import type { OperatedService } from '../../../lib/backfill/ports/operated-service.ts';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { createEraseStore } from '../../../lib/backfill/store/erase-store.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { checkMember, readOptions, readPool } from '../arguments.ts';
import { type Command, type CommandDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import { openServiceIfAny } from '../with-service.ts';
import { describeErasure, type ErasureContext, erasureToJson } from './erase/describe-erasure.ts';
import { createServiceTables } from './erase/service-tables.ts';

/** Erases all data of one identity, at its service and in the database. */
export const erase: Command = createErase('erase');

/** The old name of `erase`, which erased less. */
export const forget: Command = createErase('forget');

const NOTE = 'forget is now called erase; it also deletes the identity and its datasets at the service';

interface EraseArguments {
  identityPoolId: string;
  identityId: string;
  isDryRun: boolean;
  isAsked: boolean;
  asJson: boolean;
}

function createErase(name: 'erase' | 'forget'): Command {
  return {
    prepare(args) {
      const options = readArguments(name, args);
      return (deps) => {
        if (name === 'forget') {
          if (options.asJson) deps.progress({ text: NOTE });
          else deps.print(NOTE);
        }
        return run(options, deps);
      };
    },
    question(args) {
      const { identityPoolId, identityId, isDryRun, isAsked, asJson } = readArguments(name, args);
      if (!isAsked || isDryRun) return undefined;
      if (asJson) throw new UsageError(`${name} --json needs --yes, because it cannot ask for confirmation`);
      return `Erase the identity ${identityId} in ${identityPoolId}, its logins and all its data, at the service and in the database? This cannot be undone.`;
    },
  };
}

function readArguments(name: string, args: string[]): EraseArguments {
  const values = readOptions(name, args, {
    pool: { type: 'string' },
    identity: { type: 'string' },
    'dry-run': { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
  });
  const { identity: identityId, 'dry-run': isDryRun, yes, json: asJson } = values;
  const identityPoolId = readPool(name, values.pool);
  if (identityId === undefined) throw new UsageError(`${name} takes --identity with the id of an identity`);
  checkMember('IdentityId', identityId);
  return { identityPoolId, identityId, isDryRun, isAsked: !yes, asJson };
}

/** Erases and prints the receipt. @throws {SetupError} the erasure is not complete */
async function run(
  { identityPoolId, identityId, isDryRun, asJson }: EraseArguments,
  { database, openService, print, now }: CommandDeps,
): Promise<void> {
  // The identity is erased from the database even if the service cannot be called.
  const { service, why } = await openServiceIfAny(openService, identityPoolId);
  try {
    const pool = service === null ? UNKNOWN : await readPoolAtService(service, identityPoolId);
    const receipt = await eraseIdentity(
      {
        queryStore: createEraseStore(database),
        tables: createServiceTables(database, now),
        service: service?.deletion ?? null,
        now,
        sleep,
      },
      { identityPoolId, identityId, isDryRun, isAmazons: service?.isAmazons ?? false, ...pool },
    );
    const context: ErasureContext = { service, why };
    if (asJson) printJson(print, erasureToJson(receipt, context));
    else for (const line of describeErasure(receipt, context)) print(line);
    requireComplete(receipt);
  } finally {
    service?.close();
  }
}

function requireComplete({ remains }: ErasureReceipt): void {
  if (remains.length > 0) {
    throw new SetupError('the erasure is not complete; see what remains, and run this command again');
  }
}

/** The default retention period of the stream in a deployment. */
const DEFAULT_RETENTION_MS = 7 * 24 * 60 * 60 * 1000;

interface PoolAtService {
  retentionMs: number | null;
  isPoolMissing: boolean;
}

const UNKNOWN: PoolAtService = { retentionMs: DEFAULT_RETENTION_MS, isPoolMissing: false };

async function readPoolAtService(
  { api, streams }: OperatedService,
  identityPoolId: string,
): Promise<PoolAtService> {
  try {
    const { streamName } = await api.readStreaming(identityPoolId);
    const retentionMs = streamName === null ? null : await streams.readRetentionMs(streamName);
    return { retentionMs, isPoolMissing: false };
  } catch (error) {
    if (error instanceof SyncClientError)
      return { ...UNKNOWN, isPoolMissing: error.condition === 'not-found' };
    if (error instanceof EvidenceError) return UNKNOWN;
    throw error;
  }
}
