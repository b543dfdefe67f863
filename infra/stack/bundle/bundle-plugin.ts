import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readRulesFile } from '../../../lib/rules/file/rules-path.ts';
import { bundleFunctions } from './bundle-functions.ts';
import { writeArchive } from './write-archive.ts';

/** The framework's working folder. The names of the archives are relative, because a package can be moved. */
const FOLDER = '.serverless';

/** The parts of the Serverless Framework that this plugin uses. */
interface Framework {
  serviceDir: string;
  service: { functions: Readonly<Record<string, FunctionConfig>> };
}

interface FunctionConfig {
  /** Path of the module without extension, and the name of its export: `functions/migrate.handler`. */
  handler: string;
  package?: { artifact?: string };
}

/**
 * A plugin of the Serverless Framework. Before the framework packages the functions, the plugin bundles each function
 * and writes an archive of its own for it, so that Lambda loads only code that the function runs. The sync trigger
 * contains the rules file in SYNC_RULES, or else sync-rules.ts.
 */
class BundleFunctions {
  readonly hooks: Readonly<Record<string, () => Promise<void>>>;

  constructor(framework: Framework) {
    const archive = () =>
      archiveFunctions(framework).catch((error: Error) => {
        // If an error has a stack trace, the framework prints it instead of the message.
        error.stack = '';
        throw error;
      });
    this.hooks = {
      'before:package:createDeploymentArtifacts': archive,
      // `serverless deploy function` packages only one function.
      'before:package:function:package': archive,
    };
  }
}

async function archiveFunctions({ serviceDir, service }: Framework): Promise<void> {
  const functions = Object.entries(service.functions);
  const moduleOf = ({ handler }: FunctionConfig) => handler.slice(0, handler.lastIndexOf('.'));
  const bundles = await bundleFunctions(
    functions.map(([, config]) => moduleOf(config)),
    readRulesFile(process.env),
  );
  await mkdir(join(serviceDir, FOLDER), { recursive: true });
  await Promise.all(
    functions.map(async ([name, config]) => {
      const artifact = join(FOLDER, `${name}.zip`);
      await writeArchive(join(serviceDir, artifact), bundles.get(moduleOf(config)) ?? []);
      config.package = { ...config.package, artifact };
    }),
  );
}

/** The framework loads the plugin with `require`, which returns `module.exports`. */
export { BundleFunctions as 'module.exports' };
