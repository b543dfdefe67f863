import { describe, expect, it } from 'vitest';
import { planIdentity, type SeedStep } from '../../../infra/cli/commands/seed/plan-identity.ts';

const POOL_REGION = 'us-east-1';
const plans = Array.from({ length: 2_000 }, (_, index) => planIdentity(POOL_REGION, 1, index));

/** Applies the steps. @returns the live records, as `dataset/key` */
function liveRecords(steps: readonly SeedStep[]): Set<string> {
  const live = new Set<string>();
  for (const step of steps) {
    if (step.kind === 'delete') {
      for (const name of [...live]) if (name.startsWith(`${step.datasetName}/`)) live.delete(name);
      continue;
    }
    for (const [key, value] of Object.entries(step.values)) {
      if (value === null) live.delete(`${step.datasetName}/${key}`);
      else live.add(`${step.datasetName}/${key}`);
    }
  }
  return live;
}

describe('planIdentity', () => {
  it('gives the same identity for the same seed and number, and another identity for another seed or number', () => {
    expect(planIdentity(POOL_REGION, 1, 7)).toEqual(plans[7]);
    expect(new Set(plans.map(({ identityId }) => identityId)).size).toBe(plans.length);
    expect(planIdentity(POOL_REGION, 2, 7).identityId).not.toBe(plans[7]?.identityId);
    for (const { identityId } of plans) {
      expect(identityId).toMatch(
        /^us-east-1:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      );
    }
  });

  it('leaves at least one live record of each identity', () => {
    for (const { steps } of plans) expect(liveRecords(steps)).toContain('savegame/level');
  });

  it('contains conflicts, removed records and deleted datasets, in part of the identities', () => {
    const shareOf = (has: (step: SeedStep) => boolean) =>
      plans.filter(({ steps }) => steps.some(has)).length / plans.length;
    for (const share of [
      shareOf((step) => step.kind === 'sync' && step.conflicts),
      shareOf((step) => step.kind === 'sync' && Object.values(step.values).includes(null)),
      shareOf((step) => step.kind === 'delete'),
    ]) {
      expect(share).toBeGreaterThan(0.01);
      expect(share).toBeLessThan(0.3);
    }
  });
});
