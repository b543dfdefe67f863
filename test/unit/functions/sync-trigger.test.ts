import { defineRules } from 'cognito-sync-backend/rules';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createSyncTrigger } from '../../../functions/sync-trigger.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createDecisionReporter, createLogger } from '../../../lib/aws/telemetry.ts';
import type { RulesOptions } from '../../../lib/rules/rules-model.ts';
import type { RuleDecision } from '../../../lib/rules/verdict.ts';
import { buildSyncTriggerEvent } from '../../../lib/sync/trigger/build-sync-trigger-event.ts';
import { IDENTITY, POOL } from '../../fixtures/sync/stream-events.ts';

const CONTEXT = createLambdaContext('sync-trigger', 'us-east-1', 5_000);

function createTrigger(options: RulesOptions) {
  const logger = createLogger('sync-trigger');
  const info = vi.spyOn(logger, 'info');
  const reported: RuleDecision[][] = [];
  const trigger = createSyncTrigger({
    rules: defineRules(options),
    report: (decisions) => reported.push([...decisions]),
    logger,
  });
  return { trigger, info, reported };
}

function eventOf(values: Record<string, string>) {
  const patches = Object.entries(values).map(([key, value]) => ({ key, value }));
  return buildSyncTriggerEvent(
    { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' },
    [],
    patches,
  );
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the sync trigger', () => {
  it('logs the decisions with the identity and the dataset, counts them, and sends the text that `validate` returned to the device, but not to the log', async () => {
    const { trigger, info, reported } = createTrigger({
      datasets: {
        game: {
          keys: { name: { validate: ({ newValue }) => `${newValue} is taken`, onInvalid: 'reject' } },
        },
      },
    });
    await expect(trigger(eventOf({ name: 'secret' }), CONTEXT)).rejects.toThrow(/^name: secret is taken$/);
    const decision = {
      rule: 'datasets.game.keys.name',
      key: 'name',
      action: 'rejected',
      reason: 'validate refuses the change',
    };
    expect(reported).toEqual([[decision]]);
    expect(info.mock.calls).toEqual([
      [
        'applied sync rules',
        {
          mode: 'enforce',
          identityPoolId: POOL,
          identityId: IDENTITY,
          datasetName: 'game',
          count: 1,
          decisions: [decision],
        },
      ],
    ]);
  });

  it('logs nothing if nothing was decided', async () => {
    const { trigger, info, reported } = createTrigger({});
    const event = eventOf({ name: '1' });
    expect(await trigger(event, CONTEXT)).toEqual(event);
    expect(info).not.toHaveBeenCalled();
    expect(reported).toEqual([]);
  });

  it('logs at most 50 decisions of a call, but counts all', async () => {
    const { trigger, info, reported } = createTrigger({ datasets: { game: { unknownKeys: 'drop' } } });
    const values = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, 'v']));
    await trigger(eventOf(values), CONTEXT);
    expect(reported[0]).toHaveLength(200);
    expect(info.mock.calls[0]?.[1]).toMatchObject({ count: 200, decisions: { length: 50 } });
  });
});

describe('the metrics of decisions', () => {
  it('count the decisions by rule and action', () => {
    const lines: string[] = [];
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0);
    const decide = (rule: string, action: RuleDecision['action']): RuleDecision => ({
      rule,
      key: 'k',
      action,
      reason: '',
    });
    createDecisionReporter('sync-trigger')([
      decide('datasets.game.keys.a', 'reverted'),
      decide('datasets.game.keys.a', 'reverted'),
      decide('datasets.game.keys.a', 'dropped'),
      decide('datasets.game.keys.é', 'reverted'),
    ]);
    vi.restoreAllMocks();
    const metrics = lines.map((line) => JSON.parse(line));
    expect(metrics.map(({ rule, action, Decisions }) => [rule, action, Decisions])).toEqual([
      ['datasets.game.keys.a', 'reverted', 2],
      ['datasets.game.keys.a', 'dropped', 1],
      ['datasets.game.keys.?', 'reverted', 1],
    ]);
    expect(metrics[0]?._aws.CloudWatchMetrics).toEqual([
      {
        Namespace: 'cognito-sync-backend',
        Dimensions: [expect.arrayContaining(['service', 'rule', 'action'])],
        Metrics: [{ Name: 'Decisions', Unit: 'Count' }],
      },
    ]);
  });
});
