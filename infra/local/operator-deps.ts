import { join } from 'node:path';
import { openOperatedService } from '../../lib/aws/operated-service.ts';
import { openOrigin } from '../../lib/aws/origin.ts';
import type { DataDirectory } from '../../lib/database/data-directory.ts';
import type { LocalDatabase } from '../../lib/database/open-local.ts';
import type { FetchPayload } from '../../lib/stream/ports/fetch-payload.ts';
import { deployedMappingSettings } from './event-source-mapping/deployed-mapping-settings.ts';
import type { OperatorDeps } from './listen-for-operator.ts';
import type { LocalConfig } from './local-config.ts';
import type { OpenedService } from './open-local-service.ts';

interface OperatorDepsDeps {
  config: Omit<LocalConfig, 'dataDir' | 'databaseUrl'> & { databaseUrl?: string | undefined };
  directory: DataDirectory;
  local: LocalDatabase;
  opened: OpenedService;
  /** URL of the service. */
  url: string;
  fetchPayload: FetchPayload;
}

/** Creates what the commands of the operator need, with the service of this process. */
export function createOperatorDeps({
  config,
  directory,
  local: { database, queries },
  opened: { service, logins },
  url,
  fetchPayload,
}: OperatorDepsDeps): OperatorDeps {
  const { region, credentials, tokenKeys, databaseUrl, readOrigin, limits } = config;
  return {
    databaseUrl,
    database,
    projection: database,
    queries,
    dataDir: directory.path,
    usesTokenKeyFile: () => tokenKeys === null,
    fetchPayload,
    openService: async () =>
      openOperatedService({
        endpoint: url,
        credentials,
        region,
        failures: join(directory.eventSourceMappings, 'failures'),
        parallelizationFactor: deployedMappingSettings().parallelizationFactor,
      }),
    openOrigin: async (identityPoolId) => openOrigin(readOrigin(identityPoolId)),
    readLimits: () => limits,
    offloading: service.offloading,
    describeLogins: async (pool) => logins?.describe(pool) ?? null,
  };
}
