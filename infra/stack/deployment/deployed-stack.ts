import {
  type CloudFormationClient,
  CreateChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  ExecuteChangeSetCommand,
  GetTemplateCommand,
  paginateListStackResources,
  paginateListStacks,
  waitUntilChangeSetCreateComplete,
  waitUntilStackImportComplete,
} from '@aws-sdk/client-cloudformation';
import { SetupError } from '../../../lib/common/errors.ts';
import {
  type ImportedResource,
  importTemplate,
  type RetainedResource,
  type Template,
} from './plan-deployment.ts';

/** Reads the template of a stack; null if no stack with this name exists. */
export async function readDeployedTemplate(
  client: CloudFormationClient,
  stackName: string,
): Promise<Template | null> {
  try {
    const { TemplateBody = '' } = await client.send(
      new GetTemplateCommand({ StackName: stackName, TemplateStage: 'Original' }),
    );
    return JSON.parse(TemplateBody);
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message)) return null;
    throw error;
  }
}

/**
 * Lists the resources that remained when the last stack with this name was removed. CloudFormation knows them for 90
 * days. Source: AWS CloudFormation API Reference, ListStackResources.
 */
export async function listRetained(
  client: CloudFormationClient,
  stackName: string,
): Promise<RetainedResource[]> {
  let last: { id: string; at: number } | undefined;
  const filter = { StackStatusFilter: ['DELETE_COMPLETE' as const] };
  for await (const { StackSummaries = [] } of paginateListStacks({ client }, filter)) {
    for (const { StackName, StackId, DeletionTime } of StackSummaries) {
      const at = DeletionTime?.getTime() ?? 0;
      if (StackName !== stackName || StackId === undefined) continue;
      if (last === undefined || at > last.at) last = { id: StackId, at };
    }
  }
  if (last === undefined) return [];
  const retained: RetainedResource[] = [];
  for await (const { StackResourceSummaries = [] } of paginateListStackResources(
    { client },
    { StackName: last.id },
  )) {
    for (const each of StackResourceSummaries) {
      const { ResourceStatus, LogicalResourceId: logicalId, PhysicalResourceId: physicalId } = each;
      if (ResourceStatus === 'DELETE_SKIPPED' && logicalId && physicalId && each.ResourceType) {
        retained.push({ logicalId, type: each.ResourceType, physicalId });
      }
    }
  }
  return retained;
}

const MAX_WAIT_SECONDS = 900;

/**
 * Creates a stack that consists of existing resources. The deployment then updates this stack.
 *
 * Source: AWS CloudFormation User Guide, "Create a stack from existing resources".
 *
 * @throws {SetupError} CloudFormation rejected the import; the message names the reason. No stack remains
 */
export async function importResources(
  client: CloudFormationClient,
  stackName: string,
  packaged: Template,
  imports: readonly ImportedResource[],
): Promise<void> {
  const set = { StackName: stackName, ChangeSetName: 'import-retained' };
  try {
    await client.send(
      new CreateChangeSetCommand({
        ...set,
        ChangeSetType: 'IMPORT',
        TemplateBody: JSON.stringify(importTemplate(packaged, imports)),
        ResourcesToImport: imports.map(({ logicalId, type, identifier }) => ({
          LogicalResourceId: logicalId,
          ResourceType: type,
          ResourceIdentifier: identifier,
        })),
      }),
    );
    await waitUntilChangeSetCreateComplete(waiter(client), set);
    await client.send(new ExecuteChangeSetCommand(set));
    await waitUntilStackImportComplete(waiter(client), { StackName: stackName });
  } catch (error) {
    const { StatusReason } = await client
      .send(new DescribeChangeSetCommand(set))
      .catch(() => ({ StatusReason: undefined }));
    await client.send(new DeleteStackCommand({ StackName: stackName })).catch(() => undefined);
    const { logicalId } = imports[0] ?? {};
    const reason = StatusReason ?? (error instanceof Error ? error.message : String(error));
    throw new SetupError(
      `the retained resources cannot be imported: ${reason}. If a resource cannot be used, pass --new with its name, for example --new=${logicalId}; the deployment then creates it again`,
      { cause: error },
    );
  }
}

const waiter = (client: CloudFormationClient) => ({
  client,
  maxWaitTime: MAX_WAIT_SECONDS,
  minDelay: 2,
  maxDelay: 10,
});
