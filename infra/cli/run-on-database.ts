import { resolve } from 'node:path';
import { openPayloadBucket } from '../../lib/aws/payload-bucket.ts';
import { createPayloadFetch } from '../../lib/aws/payload-fetch.ts';
import type { OperatedService } from '../../lib/backfill/ports/operated-service.ts';
import { DEFAULT_DATA_DIR, type Environment, readRegion } from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { readPayloadBucket, readPayloadPolicy } from '../../lib/common/function-settings.ts';
import { readServiceKeysJson } from '../../lib/common/service-keys.ts';
import { readDatabaseIfAny } from '../../lib/database/database-address.ts';
import { readOriginSettings } from '../../lib/move/read-origin-settings.ts';
import { readLimits } from '../../lib/sync/read-limits.ts';
import type { CommandTerminal, Messages } from './command-terminal.ts';
import { createDescribeLogins } from './describe-logins.ts';
import { openService } from './open-service.ts';
import { type Outcome, stoppedText } from './run-command.ts';
import { runOperatorCommand } from './run-operator-command.ts';

/** Runs a command that works on the database that the environment variables name. */
export async function runOnDatabase(
  commandLine: readonly string[],
  { env, onInterrupt }: CommandTerminal,
  { confirm, print, write, progress }: Messages,
): Promise<Outcome> {
  try {
    // The region is determined as by `npm start`. The variables that only `npm start` uses are not validated.
    const region = readRegion(env);
    const policy = readPayloadPolicy({ ...env, AWS_REGION: region });
    const bucket = readPayloadBucket({ ...env, AWS_REGION: region });
    return await runOperatorCommand(commandLine, {
      address: readDatabaseIfAny(env),
      dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
      confirm,
      deps: {
        dataDir: resolve(env.DATA_DIR || DEFAULT_DATA_DIR),
        usesTokenKeyFile: () => usesTokenKeyFile(env),
        fetchPayload: createPayloadFetch({
          policy,
          bucket: bucket && openPayloadBucket({ ...bucket, now: Date.now }),
          now: Date.now,
        }),
        openService: (identityPoolId) => openDatabaseService(env, identityPoolId),
        openOrigin: async (identityPoolId) => {
          const settings = readOriginSettings(env, identityPoolId);
          // Imported on demand, because loading the AWS clients takes long.
          return (await import('../../lib/aws/origin.ts')).openOrigin(settings);
        },
        readLimits: () => readLimits(env),
        // This process cannot create links to payloads: the service signs them, and they contain the service's address.
        offloading: null,
        describeLogins: createDescribeLogins(env),
        print,
        write,
        progress,
        now: Date.now,
        signal: await signalOf(commandLine, onInterrupt),
      },
    });
  } catch (error) {
    if (error instanceof SetupError) return { exitCode: 1, error: error.message };
    throw error;
  }
}

/**
 * Whether the service signs tokens with the key file. It never does if the database is of another kind than these two:
 * such a database belongs to a service in AWS, which has its keys in a secret.
 */
function usesTokenKeyFile(env: Environment): boolean {
  const kind = readDatabaseIfAny(env)?.kind ?? 'embedded';
  return (kind === 'embedded' || kind === 'postgresql') && readServiceKeysJson(env).tokenKeys === undefined;
}

/**
 * Opens the service whose events are projected into the database. For an embedded database, this is a local cloud and
 * never Amazon's service. Without AWS_ENDPOINT_URL, no local cloud is known, so the function throws a SetupError.
 */
async function openDatabaseService(
  env: Environment,
  identityPoolId: string | undefined,
): Promise<OperatedService> {
  if (readDatabaseIfAny(env) === undefined && !env.AWS_ENDPOINT_URL) {
    throw new SetupError(
      'the local cloud is not running on this data directory; start it with `npx cognito-sync-backend start`. To use another database, set DATABASE_URL, DATABASE_SECRET or DSQL_ENDPOINT; if its identity pools are not in Amazon Cognito, also set AWS_ENDPOINT_URL to their service',
    );
  }
  return openService(env, identityPoolId);
}

/**
 * Returns the signal that Ctrl+C aborts. If the command supports stopping (`stopped`), the first Ctrl+C asks the
 * command to stop, and the second Ctrl+C ends the process immediately. For any other command, the first Ctrl+C ends the
 * process.
 */
async function signalOf(
  commandLine: readonly string[],
  onInterrupt: CommandTerminal['onInterrupt'],
): Promise<AbortSignal> {
  const stop = new AbortController();
  if ((await stoppedText(commandLine)) !== undefined) onInterrupt(() => stop.abort());
  return stop.signal;
}
