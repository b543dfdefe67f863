import { SetupError } from '../../../lib/common/errors.ts';
import { isObject } from '../../../lib/common/json.ts';

/** The part of a CloudFormation template that a plan compares. */
export interface Template {
  Parameters?: Readonly<Record<string, { Default?: unknown }>>;
  Resources: Readonly<Record<string, TemplateResource>>;
}

export interface TemplateResource {
  Type: string;
  DeletionPolicy?: string;
  Properties?: Readonly<Record<string, unknown>>;
}

/** A resource that remained when the stack was removed, as CloudFormation lists it. */
export interface RetainedResource {
  logicalId: string;
  type: string;
  physicalId: string;
}

/** A retained resource that becomes part of the new stack. */
export interface ImportedResource extends RetainedResource {
  /** The property that identifies the resource, and its value. */
  identifier: Readonly<Record<string, string>>;
}

export interface DeploymentPlan {
  imports: ImportedResource[];
  creates: string[];
  /** Each changed resource, with the names of the properties that change. */
  changes: { logicalId: string; properties: string[] }[];
  removes: { logicalId: string; isKept: boolean }[];
}

/**
 * The property that identifies a resource in an import. Source: the `primaryIdentifier` of each type in the AWS
 * CloudFormation registry.
 */
const IDENTIFIERS: Readonly<Record<string, string>> = {
  'AWS::Kinesis::Stream': 'Name',
  'AWS::S3::Bucket': 'BucketName',
  'AWS::S3::BucketPolicy': 'Bucket',
  'AWS::DSQL::Cluster': 'Identifier',
};

/**
 * Compares the packaged template with the deployed one.
 *
 * @param deployed null if the stack does not exist
 * @param retained what remained of an earlier stack with the same name; not used if the stack exists
 * @param fresh the logical ids of resources that are created, although a retained resource exists
 */
export function planDeployment(
  packaged: Template,
  deployed: Template | null,
  { retained, fresh }: { retained: readonly RetainedResource[]; fresh: readonly string[] },
): DeploymentPlan {
  const before = deployed?.Resources ?? {};
  const after = packaged.Resources;
  const imports = deployed === null ? findImports(packaged, retained, fresh) : [];
  const imported = new Set(imports.map(({ logicalId }) => logicalId));
  return {
    imports,
    creates: Object.keys(after).filter((id) => !(id in before) && !imported.has(id)),
    changes: Object.entries(after).flatMap(([logicalId, resource]) => {
      const old = before[logicalId];
      const properties = old === undefined ? [] : changedProperties(old, resource);
      return properties.length > 0 ? [{ logicalId, properties }] : [];
    }),
    removes: Object.entries(before)
      .filter(([id]) => !(id in after))
      .map(([logicalId, { DeletionPolicy }]) => ({ logicalId, isKept: DeletionPolicy === 'Retain' })),
  };
}

function findImports(
  { Resources }: Template,
  retained: readonly RetainedResource[],
  fresh: readonly string[],
): ImportedResource[] {
  const usable = retained.filter(({ logicalId, type }) => {
    const resource = Resources[logicalId];
    return resource?.Type === type && resource.DeletionPolicy === 'Retain' && !fresh.includes(logicalId);
  });
  return usable.flatMap((resource) => {
    const property = IDENTIFIERS[resource.type];
    if (property === undefined) return [];
    const policyOf = Resources[resource.logicalId]?.Properties?.Bucket;
    if (!isObject(policyOf)) return [{ ...resource, identifier: { [property]: resource.physicalId } }];
    // The policy of a bucket: its bucket identifies it, so it can only be imported together with the bucket.
    const bucket = usable.find(({ logicalId }) => logicalId === policyOf.Ref);
    return bucket === undefined ? [] : [{ ...resource, identifier: { [property]: bucket.physicalId } }];
  });
}

/**
 * Ignores `Code`: the framework stores the code of each deployment under a new S3 key, even if the code is the same.
 */
function changedProperties(before: TemplateResource, after: TemplateResource): string[] {
  if (before.Type !== after.Type) return ['Type'];
  const [old, current] = [before.Properties ?? {}, after.Properties ?? {}];
  const names = new Set([...Object.keys(old), ...Object.keys(current)]);
  return [...names].filter((name) => name !== 'Code' && !isSame(old[name], current[name])).toSorted();
}

/** Compares JSON values. The order of members has no meaning. */
function isSame(left: unknown, right: unknown): boolean {
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((item, index) => isSame(item, right[index]));
  }
  if (isObject(left) && isObject(right)) {
    const names = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...names].every((name) => isSame(left[name], right[name]));
  }
  return left === right;
}

/** Returns the template of an import: only the imported resources, without outputs. */
export function importTemplate(
  packaged: Template,
  imports: readonly ImportedResource[],
): Record<string, unknown> {
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Resources: Object.fromEntries(imports.map(({ logicalId }) => [logicalId, packaged.Resources[logicalId]])),
  };
}

/**
 * Checks the stream of the service. The service writes to a stream by its name, and a name refers to a stream of the
 * caller's account. Source: Amazon Kinesis Data Streams API Reference, PutRecords.
 *
 * @param accountId the account of the deployment
 * @throws {SetupError} the stack contains the service, and `streamArn` names a stream of another account
 */
export function requireOwnStream({ Parameters, Resources }: Template, accountId: string): void {
  const [, , , , owner] = String(Parameters?.CognitoStream?.Default ?? '').split(':');
  if (!('ServiceApiRole' in Resources) || owner === undefined || owner === accountId) return;
  throw new SetupError(
    `streamArn: the stream is in account ${owner}, but the service is deployed to account ${accountId} and can write only to streams of its own account; use a stream of this account, or service=off`,
  );
}

/** The logical id of the poller's function. By default, a stack with the service does not contain the poller. */
const POLLER = 'PollDashbulkDashpublishLambdaFunction';

/** Describes a plan for the operator. Contains names and types, but no values. */
export function describePlan(
  plan: DeploymentPlan,
  packaged: Template,
  { accountId, region, stackName }: { accountId: string; region: string; stackName: string },
): string {
  const typeOf = (logicalId: string) => packaged.Resources[logicalId]?.Type ?? '';
  const byType = Map.groupBy(plan.creates, typeOf);
  return [
    `Stack ${stackName} in account ${accountId}, region ${region}:`,
    ...section(
      'Imports resources that remained when this stack was removed',
      plan.imports.map(({ logicalId, type, physicalId }) => `${logicalId} (${type} ${physicalId})`),
    ),
    ...section(
      `Creates ${plan.creates.length} resources`,
      [...byType].map(([type, ids]) => `${ids.length} x ${type}`).toSorted(),
    ),
    ...section(
      `Changes ${plan.changes.length} resources`,
      plan.changes.map(({ logicalId, properties }) => `${logicalId}: ${properties.join(', ')}`),
    ),
    ...section(
      `Removes ${plan.removes.length} resources`,
      plan.removes.map(({ logicalId, isKept }) => `${logicalId}${isKept ? ' (remains in the account)' : ''}`),
    ),
    ...(plan.removes.some(({ logicalId }) => logicalId === POLLER)
      ? ["  Removes the poller of Amazon's pools. To keep the poller, pass --param=poller=on."]
      : []),
    '  Uploads the code of all functions, then migrates the database.',
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`  ${title}:`, ...lines.map((line) => `    ${line}`)];
}
