import { readRulesFile } from '../../../lib/rules/file/rules-path.ts';
import { bundleFunctionCredentials } from './credentials-bundle.ts';
import { bundleMigrations } from './migrations-bundle.ts';
import { bundleRules } from './rules-bundle.ts';

const plugins = [bundleRules(readRulesFile(process.env)), bundleMigrations, bundleFunctionCredentials];

/** What esbuild is given to build the functions: what `require` answers, which is how serverless-esbuild loads its plugins. */
export { plugins as 'module.exports' };
