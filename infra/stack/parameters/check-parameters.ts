import { isRegion } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { readParallelizationFactor } from '../../../lib/common/function-settings.ts';
import mapping from '../project-stream-mapping.json' with { type: 'json' };
import { checkService } from './check-service.ts';
import {
  type CommonDeployment,
  type CommonParameters,
  checkCommon,
  NO_COMMON,
  toCommonDeployment,
} from './common-parameters.ts';
import {
  checkDatabase,
  type DatabaseDeployment,
  type DatabaseParameters,
  NO_DATABASE,
  toDatabaseDeployment,
} from './database-parameters.ts';
import { mistakeOf } from './mistakes.ts';
import {
  checkOriginParameters,
  NO_MIGRATION,
  type OriginDeployment,
  type OriginParameters,
  toOriginDeployment,
} from './origin-parameters.ts';
import {
  checkPools,
  NO_POOLS,
  type PoolDeployment,
  type PoolParameters,
  toPoolDeployment,
} from './pool-parameters.ts';
import {
  checkQuery,
  NO_QUERY,
  type QueryDeployment,
  type QueryParameters,
  toQueryDeployment,
} from './query-parameters.ts';
import {
  NO_SERVICE,
  type ServiceDeployment,
  type ServiceParameters,
  toServiceDeployment,
} from './service-parameters.ts';
import { type StackRoles, toStackRoles } from './stack-roles.ts';
import {
  checkStream,
  NO_STREAM,
  type StreamDeployment,
  type StreamParameters,
  toStreamDeployment,
} from './stream-parameters.ts';

/** The parameters of a deployment, as in `params` of serverless.yml; an empty string counts as not given. */
export interface DeploymentParameters
  extends DatabaseParameters,
    StreamParameters,
    PoolParameters,
    QueryParameters,
    ServiceParameters,
    OriginParameters,
    CommonParameters {}

/** All parameters, none of them given. */
export const NO_PARAMETERS: DeploymentParameters = {
  ...NO_DATABASE,
  ...NO_STREAM,
  ...NO_POOLS,
  ...NO_QUERY,
  ...NO_SERVICE,
  ...NO_MIGRATION,
  ...NO_COMMON,
};

/** The values that serverless.yml needs to build the stack. */
export interface Deployment
  extends DatabaseDeployment,
    StreamDeployment,
    PoolDeployment,
    QueryDeployment,
    ServiceDeployment,
    OriginDeployment,
    CommonDeployment,
    StackRoles {}

/**
 * The name of each Lambda function contains the stage. A function name has at most 64 characters. The longest one is that
 * of `finish-identity-deletions`, so the stage has at most 17.
 */
const STAGE = /^[a-z](?:[a-z0-9-]{0,15}[a-z0-9])?$/;

/** @throws {SetupError} a parameter is invalid; the message names each one on its own line */
export function checkParameters(
  parameters: Partial<DeploymentParameters>,
  { stage, region, names = [] }: { stage: string; region: string; names?: readonly string[] },
): Deployment {
  const given: DeploymentParameters = { ...NO_PARAMETERS, ...parameters };
  const mistakes = [
    ...nameMistakes(names),
    ...stageMistakes(stage),
    ...(isRegion(region)
      ? [
          ...checkDatabase(given, region),
          ...checkStream(given, region),
          ...checkPools(given, region),
          ...checkService(given, region),
          ...checkQuery(given, region),
          ...checkOriginParameters(given, { ...given, stage, region }),
          ...checkCommon(given, region),
        ]
      : [`region: "${region}" is not the name of a region; use, for example, us-east-1`]),
    ...mistakeOf('parallelizationFactor in infra/stack/project-stream-mapping.json', () =>
      readParallelizationFactor({ PARALLELIZATION_FACTOR: String(mapping.parallelizationFactor) }),
    ),
  ];
  if (mistakes.length > 0) throw new SetupError(`invalid deployment parameters:\n${mistakes.join('\n')}`);
  return toDeployment(given, { stage, region });
}

function nameMistakes(names: readonly string[]): string[] {
  const known = Object.keys(NO_PARAMETERS);
  const unknown = names.filter((name) => !known.includes(name));
  return unknown.map((name) => `${name}: unknown parameter; the parameters are ${known.join(', ')}`);
}

function stageMistakes(stage: string): string[] {
  if (STAGE.test(stage)) return [];
  return [
    `stage: invalid value "${stage}"; use up to 17 lower-case letters, digits and hyphens, starting with a letter`,
  ];
}

function toDeployment(
  given: DeploymentParameters,
  { stage, region }: { stage: string; region: string },
): Deployment {
  const database = toDatabaseDeployment(given, region);
  const service = toServiceDeployment(given, database, region, (own) => toDatabaseDeployment(own, region));
  const query = toQueryDeployment(given, region);
  const origin = toOriginDeployment(given, region, database.inVpc);
  const pools = toPoolDeployment(given, region, { ...given, inVpc: database.inVpc });
  return {
    ...database,
    ...toStreamDeployment(given, region),
    ...pools,
    ...query,
    ...service,
    ...origin,
    ...toStackRoles({ ...service, ...pools, ...query, ...origin }, stage),
    ...toCommonDeployment(given),
  };
}
