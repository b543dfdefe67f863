import { randomUUID } from 'node:crypto';
import type { Developers } from '../../common/service-keys.ts';
import type { SigningKeys } from '../../common/signed-text.ts';
import type { DatabaseUse } from '../../database/connections.ts';
import type { Database } from '../../database/database.ts';
import type { IdentityDependencies } from '../../identity/dependencies.ts';
import type { OriginLogins } from '../../identity/ports/origin-logins.ts';
import { createTemporaryCredentials } from '../../identity/temporary-credentials.ts';
import { ownSyncOperations } from '../../move/own-operations.ts';
import type { Ownership } from '../../move/ownership.ts';
import { createSyncOperations } from '../../sync/create-sync-operations.ts';
import type { SyncDependencies } from '../../sync/dependencies.ts';
import type { SyncOperations } from '../../sync/model.ts';
import type { PushChannel } from '../../sync/ports/push.ts';
import type { PushedChange } from '../../sync/push/push-message.ts';
import { pushToDevices } from '../../sync/push/push-to-devices.ts';
import type { FillingDataset } from '../../sync/row-limits.ts';
import { createSessionTokens } from '../../sync/session-token.ts';
import { createBulkPublishJobStore } from '../../sync/store/bulk-publish-job-store.ts';
import { createPoolStore } from '../../sync/store/pool-store.ts';
import { createSyncStore } from '../../sync/store/sync-store.ts';
import { createFindCredentials } from '../find-credentials.ts';
import type { RateLimits } from '../rate-limits.ts';
import { createSigV4Verifier, type SigV4Verifier } from '../sigv4.ts';
import { createSyncApi, type WatchCall } from '../sync-api.ts';
import type { WireLogger } from '../wire-response.ts';
import { createDataJobs, type DataJobs } from './create-data-jobs.ts';
import { createIdentityApis } from './create-identity-apis.ts';
import { createFindApi, type FindApi } from './find-api.ts';
import { openPush } from './open-push.ts';

/** Longest wait of an update for its push messages, if they cannot be sent after the response. */
const PUSH_WAIT_MS = 300;

/** What differs between the local cloud and AWS. */
export interface ServiceDeps
  extends Pick<
      SyncDependencies,
      'payloadLinks' | 'limits' | 'invokeFunction' | 'streamExists' | 'afterWrite' | 'afterBulkPublish'
    >,
    Pick<IdentityDependencies, 'verifyLogin' | 'region'> {
  /** The origin of pools that are being migrated; `NO_ORIGIN` if no pool can be moved to this service. */
  originLogins: OriginLogins;
  databases: Readonly<Record<ServiceUse, Database>>;
  /** The access keys of developers. */
  developers: Developers;
  tokenKeys: SigningKeys;
  /** The account in the ARNs and answers of the service. */
  accountId: string;
  rateLimits: RateLimits;
  /** Takes identities over from the origin of a migration. Null if no pool can be moved to this service. */
  ownership: Ownership | null;
  /** The channel that sends the messages of push sync to devices. */
  pushChannel: PushChannel;
  /** Whether push messages are sent after the response. Possible only if the process continues after the response. */
  pushInBackground: boolean;
  /** Observes the calls of Cognito Sync. Absent if nothing does. */
  watchCall?: WatchCall | undefined;
  /** Creates the logger of a part of the service. */
  createLogger: (name: string) => ServiceLogger;
}

export interface ServiceLogger extends WireLogger {
  warn(message: string, details: Record<string, unknown>): void;
}

/** The purposes for which the service uses the database. */
type ServiceUse = Extract<DatabaseUse, 'reads' | 'writes' | 'identity' | 'jobs'>;

/** Cognito Sync, Cognito Identity and the part of AWS STS that their clients call. */
export interface Service extends DataJobs {
  /** Finds the API that serves a request, by the head of the request. */
  findApi: FindApi;
  /** Verifies signatures of the service's callers, also for other services on the same port. */
  verify: SigV4Verifier;
  /** Notifies the devices that subscribe to a dataset of a change that no device made. Never throws. */
  notifyDevices: (change: PushedChange) => Promise<void>;
}

/** Creates the service. The local cloud and the Lambda function both compose it here. */
export function createService(deps: ServiceDeps): Service {
  const { databases, developers, tokenKeys, region, accountId, rateLimits, ownership, createLogger } = deps;
  const temporary = createTemporaryCredentials({ keys: tokenKeys, now: Date.now, randomId: randomUUID });
  const findCredentials = createFindCredentials({ developers, accountId, temporary });
  const verify = createSigV4Verifier({ region, findCredentials, now: Date.now });
  const syncLogger = createLogger('sync-api');
  const dataJobs = createDataJobs({
    database: databases.jobs,
    offloading: { links: deps.payloadLinks, inlineBytes: deps.limits.inlineBytes },
    afterWrite: deps.afterWrite,
  });
  const pushOn = (database: Database) =>
    openPush({
      database,
      channel: deps.pushChannel,
      maxWaitMs: deps.pushInBackground ? null : PUSH_WAIT_MS,
      logger: syncLogger,
    });
  const operationsOn = (database: Database) =>
    createSyncOperations({
      ...deps,
      store: createSyncStore(database),
      pools: createPoolStore(database),
      bulkPublishes: createBulkPublishJobStore(database),
      tokens: createSessionTokens({ keys: tokenKeys, now: Date.now, randomId: randomUUID }),
      push: pushOn(database),
      now: Date.now,
      onFilling: logFilling(syncLogger),
    });
  const operations = { ...operationsOn(databases.writes), ...onlyReading(operationsOn(databases.reads)) };
  const syncApi = createSyncApi({
    operations: ownership ? ownSyncOperations(operations, ownership) : operations,
    watchCall: deps.watchCall,
    verify,
    limits: rateLimits,
    requestId: randomUUID,
    logger: syncLogger,
  });
  const identityApis = createIdentityApis({
    ...dataJobs,
    database: databases.identity,
    ownership,
    tokenKeys,
    verify,
    credentials: temporary,
    verifyLogin: deps.verifyLogin,
    origin: deps.originLogins,
    region,
    limits: rateLimits,
    logger: createLogger('identity-api'),
  });
  const push = pushOn(databases.jobs);
  return {
    ...dataJobs,
    verify,
    findApi: createFindApi({ syncApi, ...identityApis }),
    notifyDevices: (change) => pushToDevices(push, change, undefined),
  };
}

/** Picks the operations that write nothing. */
function onlyReading({
  DescribeDataset,
  DescribeIdentityPoolUsage,
  DescribeIdentityUsage,
  GetBulkPublishDetails,
  GetCognitoEvents,
  GetIdentityPoolConfiguration,
  ListDatasets,
  ListIdentityPoolUsage,
  ListRecords,
}: SyncOperations): Partial<SyncOperations> {
  return {
    DescribeDataset,
    DescribeIdentityPoolUsage,
    DescribeIdentityUsage,
    GetBulkPublishDetails,
    GetCognitoEvents,
    GetIdentityPoolConfiguration,
    ListDatasets,
    ListIdentityPoolUsage,
    ListRecords,
  };
}

/**
 * Warns the operator about a dataset that approaches its limits. Removed records count as well: their rows remain until
 * the dataset is deleted.
 */
function logFilling(logger: ServiceLogger) {
  return (dataset: FillingDataset) => {
    logger.warn('a dataset has reached 80 % of a limit on its records; removed records count as well', {
      ...dataset,
    });
  };
}
