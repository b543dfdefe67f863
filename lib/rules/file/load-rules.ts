import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { SetupError } from '../../common/errors.ts';
import { describeThrown } from '../../common/thrown.ts';
import { requireSyncRules } from '../define-rules.ts';
import type { SyncRules } from '../rules-model.ts';
import { mapImports } from './map-imports.ts';

/**
 * Loads a rules file into this process, once: what it was when it was first loaded, it stays.
 * @param path absolute
 * @throws {SetupError} it is not there, is no module, or its default export is none of `defineRules`; a {RulesError}
 *   where the rules are wrong
 */
export async function loadRules(path: string): Promise<SyncRules> {
  if (!existsSync(path)) throw new SetupError(`there is no rules file ${path}`);
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
