import { describe, expect, it } from 'vitest';
import {
  deployedMappingSettings,
  toMappingSettings,
} from '../../../infra/local/event-source-mapping/deployed-mapping-settings.ts';
import deployed from '../../../infra/stack/project-stream-mapping.json' with { type: 'json' };
import { SetupError } from '../../../lib/common/errors.ts';

describe('the settings of the deployed mapping', () => {
  it('are read from project-stream-mapping.json, and discard records only because of their age', () => {
    expect(deployedMappingSettings()).toEqual({
      batchSize: deployed.batchSize,
      maximumBatchingWindowMs: deployed.batchWindow * 1000,
      startingPosition: 'TRIM_HORIZON',
      parallelizationFactor: 1,
      bisectBatchOnFunctionError: true,
      maximumRetryAttempts: -1,
      maximumRecordAgeInSeconds: 601_200,
      reportBatchItemFailures: true,
    });
  });

  it.each([
    ['batchSize', 0],
    ['batchSize', 10_001],
    ['batchSize', 1.5],
    ['batchWindow', 301],
    ['parallelizationFactor', 0],
    ['parallelizationFactor', 11],
    ['maximumRetryAttempts', -2],
    ['maximumRetryAttempts', 10_001],
    ['maximumRecordAgeInSeconds', 59],
    ['maximumRecordAgeInSeconds', 604_801],
  ])('are rejected outside the limits of AWS: %s %d', (name, value) => {
    const settings = { ...deployed, [name]: value };
    expect(() => toMappingSettings(settings)).toThrow(SetupError);
    expect(() => toMappingSettings(settings)).toThrow(`project-stream-mapping.json: ${name} is ${value}`);
  });

  it.each([
    ['parallelizationFactor', 10],
    ['maximumRetryAttempts', 0],
    ['maximumRecordAgeInSeconds', -1],
    ['maximumRecordAgeInSeconds', 60],
  ])('accept %s %d', (name, value) => {
    expect(toMappingSettings({ ...deployed, [name]: value })).toMatchObject({ [name]: value });
  });
});
