import type { Substitution } from './database-parameters.ts';
import type { OriginDeployment } from './origin-parameters.ts';
import type { PoolDeployment } from './pool-parameters.ts';
import type { QueryDeployment } from './query-parameters.ts';
import type { ServiceDeployment } from './service-parameters.ts';

/** A reference to a resource of the stack. */
interface Reference {
  Ref: string;
}

/** The ARN of a resource of the stack. */
interface ArnOf {
  'Fn::GetAtt': [string, 'Arn'];
}

/** The roles of functions that share a permission. */
export interface StackRoles {
  /** The roles that read and change rows of the query store, and their ARNs. */
  queryStoreRoles: Reference[];
  queryStoreRoleArns: ArnOf[];
  /** The roles that read the secret of the query store's database. */
  queryStoreSecretRoles: Reference[];
  /** The roles that read the stream. */
  consumerRoles: Reference[];
  vpcRoles: Reference[];
  /** The ARNs of the functions with these roles. */
  vpcFunctionArns: Substitution[];
  tracedRoles: Reference[];
  serviceRoles: Reference[];
  serviceRoleArns: ArnOf[];
  /** The roles that read the secret of the service's database. */
  serviceSecretRoles: Reference[];
  /** The roles that write to the stream. */
  producerRoles: Reference[];
  /** The roles that read the settings of push providers. */
  pushRoles: Reference[];
  /** The roles that call the origin of a migration, and those that read its stream. */
  originRoles: Reference[];
  originStreamRoles: Reference[];
}

/** The functions of the query store that use a database. */
const QUERY_STORE = ['project-stream', 'poll-bulk-publish', 'sweep-query-store'];
const POLLER = 'poll-bulk-publish';
/** The functions of the service. All of them use a database. */
const SERVICE = [
  'service-api',
  'relay-outbox',
  'run-bulk-publish',
  'finish-merges',
  'finish-pool-deletions',
  'finish-identity-deletions',
  'sweep-datasets',
  'sweep-guests',
  'sweep-payloads',
];

/** The functions of a migration. They use the database of the service. */
const MIGRATION = ['follow-origin', 'check-origin', 'bridge-origin'];

/** Lists the roles by permission. */
export function toStackRoles(
  {
    service,
    ownDatabaseSecret,
    poller,
    queryApi,
    origin,
  }: Pick<ServiceDeployment, 'service' | 'ownDatabaseSecret'> &
    Pick<PoolDeployment, 'poller'> &
    Pick<QueryDeployment, 'queryApi'> &
    Pick<OriginDeployment, 'origin'>,
  stage: string,
): StackRoles {
  const all = [...SERVICE, ...(origin === 'yes' ? MIGRATION : [])];
  const ofService = service === 'yes' ? all : [];
  const queryStore = QUERY_STORE.filter((name) => name !== POLLER || poller === 'yes');
  const others = ['migrate', ...ofService, ...(queryApi === 'yes' ? ['query-api'] : [])];
  const withDatabase = [...queryStore, ...others];
  return {
    queryStoreRoles: queryStore.map(roleOf),
    queryStoreRoleArns: queryStore.map((name) => ({ 'Fn::GetAtt': [roleOf(name).Ref, 'Arn'] })),
    queryStoreSecretRoles: [...queryStore, 'migrate'].map(roleOf),
    consumerRoles: ['project-stream', ...queryStore.filter((name) => name === POLLER)].map(roleOf),
    vpcRoles: withDatabase.map(roleOf),
    vpcFunctionArns: withDatabase.map((name) => arnOf(name, stage)),
    tracedRoles: ['project-stream', 'sync-trigger', ...queryStore.slice(1), ...others].map(roleOf),
    serviceRoles: all.map(roleOf),
    serviceRoleArns: all.map((name) => ({ 'Fn::GetAtt': [roleOf(name).Ref, 'Arn'] })),
    producerRoles: ['publish', ...(service === 'yes' ? ['service-api', 'relay-outbox'] : [])].map(roleOf),
    pushRoles: ['service-api', ...(origin === 'yes' ? ['bridge-origin'] : [])].map(roleOf),
    originRoles: ['service-api', ...MIGRATION].map(roleOf),
    originStreamRoles: ['follow-origin', 'check-origin'].map(roleOf),
    serviceSecretRoles: [...all, ...(ownDatabaseSecret === '' ? [] : ['migrate'])].map(roleOf),
  };
}

/** Returns a reference to the role of a function. The role of `sync-trigger` is the resource `SyncTriggerRole`. */
function roleOf(name: string): Reference {
  const words = name.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return { Ref: `${words.join('')}Role` };
}

function arnOf(name: string, stage: string): Substitution {
  const prefix = `arn:\${AWS::Partition}:lambda:\${AWS::Region}:\${AWS::AccountId}:function:`;
  return { 'Fn::Sub': `${prefix}cognito-sync-backend-${stage}-${name}` };
}
