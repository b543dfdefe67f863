import { isObject } from '../common/is-object.ts';
import { RulesError } from './rules-error.ts';
import type { SyncRules } from './rules-model.ts';

/**
 * What a rules file exports by default.
 * @throws {RulesError} it is not what `defineRules` answers: without this, each call would fail by itself
 */
export function requireSyncRules(exported: unknown): SyncRules {
  if (isSyncRules(exported)) return exported;
  throw new RulesError(['the default export of the file must be what defineRules answers']);
}

/** By what can be asked of them: the file may have come by another copy of `defineRules`. */
function isSyncRules(exported: unknown): exported is SyncRules {
  return isObject(exported) && typeof exported.findDatasetRule === 'function';
}
