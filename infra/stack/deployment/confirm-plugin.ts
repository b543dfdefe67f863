import { createInterface } from 'node:readline/promises';
import { CloudFormationClient, type CloudFormationClientConfig } from '@aws-sdk/client-cloudformation';
import { SetupError } from '../../../lib/common/errors.ts';
import { importResources, listRetained, readDeployedTemplate } from './deployed-stack.ts';
import { findExisting } from './find-existing.ts';
import { describePlan, planDeployment, requireOwnStream, type Template } from './plan-deployment.ts';

/** The parts of the Serverless Framework that this plugin uses. */
interface Framework {
  getProvider(name: 'aws'): {
    naming: { getStackName(): string };
    getRegion(): string;
    getAccountId(): Promise<string>;
    getAwsSdkV3Config(): Promise<CloudFormationClientConfig>;
  };
  service: { provider: { compiledCloudFormationTemplate: Template } };
}

/**
 * A plugin of the Serverless Framework. Before a deployment creates anything, the plugin prints the account, the region
 * and the changes, and asks the operator. It then imports what remained of an earlier stack with the same name.
 *
 * `npm run deploy` passes its options as environment variables: DEPLOY_YES (deploy without a question) and DEPLOY_NEW
 * (the names of retained resources that are not imported, separated by commas).
 */
class ConfirmDeployment {
  readonly hooks: Readonly<Record<string, () => Promise<void>>>;

  constructor(framework: Framework) {
    this.hooks = {
      'before:aws:deploy:deploy:createStack': () =>
        confirm(framework).catch((error: unknown) => {
          // If an error has a stack trace, the framework prints it instead of the message.
          if (error instanceof SetupError) error.stack = '';
          throw error;
        }),
    };
  }
}

async function confirm(framework: Framework): Promise<void> {
  const provider = framework.getProvider('aws');
  const packaged = framework.service.provider.compiledCloudFormationTemplate;
  const stackName = provider.naming.getStackName();
  const accountId = await provider.getAccountId();
  requireOwnStream(packaged, accountId);
  const config = await provider.getAwsSdkV3Config();
  const client = new CloudFormationClient(config);
  const deployed = await readDeployedTemplate(client, stackName);
  const { region, credentials } = config;
  const findRetained = async () =>
    findExisting(
      { ...(region && { region }), ...(credentials && { credentials }) },
      await listRetained(client, stackName),
    );
  const plan = planDeployment(packaged, deployed, {
    retained: deployed === null ? await findRetained() : [],
    fresh: (process.env.DEPLOY_NEW ?? '').split(','),
  });
  const place = { accountId, region: provider.getRegion(), stackName };
  console.error(describePlan(plan, packaged, place));
  await ask();
  if (plan.imports.length > 0) await importResources(client, stackName, packaged, plan.imports);
}

/** @throws {SetupError} the operator does not confirm, or cannot be asked */
async function ask(): Promise<void> {
  if (process.env.DEPLOY_YES === 'on') return;
  if (!process.stdin.isTTY) {
    throw new SetupError(
      'not deployed: the changes need a confirmation, but standard input is not a terminal; check the changes above, then pass --yes',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Deploy these changes? [y/N] ');
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new SetupError('not deployed: not confirmed');
}

/** The framework loads the plugin with `require`, which returns `module.exports`. */
export { ConfirmDeployment as 'module.exports' };
