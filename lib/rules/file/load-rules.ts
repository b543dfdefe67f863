import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { SetupError } from '../../common/errors.ts';
import { describeThrown } from '../../common/thrown.ts';
import { requireSyncRules } from '../define-rules.ts';
import type { SyncRules } from '../rules-model.ts';
import { mapImports } from './map-imports.ts';

/**
 * Loads a rules file into this process. Loading the same file again returns what was loaded first.
 *
 * @param path absolute path
 * @throws {SetupError} the file does not exist, is not a module, or its default export is not the result of
 *   `defineRules`; a {RulesError} if the rules are invalid
 */
export async function loadRules(path: string): Promise<SyncRules> {
  if (!existsSync(path)) throw new SetupError(`rules file not found: ${path}`);
  const url = pathToFileURL(path);
  mapImports(url);
  const { default: exported } = await importFile(path, url);
  return requireSyncRules(exported);
}

async function importFile(path: string, { href }: URL): Promise<{ default?: unknown }> {
  try {
    return await import(href);
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`${path} cannot be loaded: ${describeThrown(error)}`);
  }
}
