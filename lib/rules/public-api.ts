/** Exports of `cognito-sync-backend/rules`, which rules files import. */
export { defineRules, RulesError } from './define-rules.ts';
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
