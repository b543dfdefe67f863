/** What rules files import, as `cognito-sync-backend/rules`. */
export { defineRules } from './define-rules.ts';
export { RulesError } from './rules-error.ts';
export type {
  ChangeToValidate,
  DatasetOptions,
  DatasetToDerive,
  Example,
  Examples,
  KeyOptions,
  OnInvalid,
  OnRuleError,
  RulesOptions,
  SyncRules,
  ValueToRewrite,
} from './rules-model.ts';
export { json, number } from './text-schemas.ts';
