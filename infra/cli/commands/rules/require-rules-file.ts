import type { Environment } from '../../../../lib/common/environment.ts';
import { isOwnRulesFile, readRulesFile } from '../../../../lib/rules/file/rules-path.ts';
import { UsageError } from '../../command.ts';

/**
 * Finds the rules file of the user, as `start` and `exec` do.
 *
 * @returns the absolute path
 * @throws {UsageError} there is no rules file, so a successful check would be misleading
 */
export function requireRulesFile(env: Environment): string {
  const path = readRulesFile(env);
  if (isOwnRulesFile(path)) return path;
  throw new UsageError(
    `there is no sync-rules.ts in ${process.cwd()}, and SYNC_RULES is not set; create the file, or set SYNC_RULES to the path of your rules file`,
  );
}
