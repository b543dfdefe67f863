import { defineRules } from 'cognito-sync-backend/rules';
import { createSyncTrigger } from '../../functions/sync-trigger.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createDecisionReporter, createLogger } from '../../lib/aws/telemetry.ts';
import { evaluateRules } from '../../lib/rules/evaluate-rules.ts';
import type { SyncTriggerEvent } from '../../lib/rules/sync-trigger-event.ts';
import { contender, quantile, timesByTurns } from './measure.ts';
import type { TriggerSample } from './trigger.ts';
import { type TriggerCase, triggerCases } from './trigger-cases.ts';

// A process of its own, for trigger.ts, whose standard output goes nowhere: sends a sample of each case.
const ROUNDS = { rounds: 1_000, warmUp: 200 };

for (const { name, options, nextEvent } of triggerCases()) {
  const times = await timesByTurns(
    [rules(options, nextEvent), handler(options, nextEvent), json(nextEvent)],
    ROUNDS,
  );
  const figures = (of: string) => {
    const values = times.get(of) ?? [];
    return { p50: quantile(values, 0.5), p99: quantile(values, 0.99) };
  };
  const sample: TriggerSample = {
    name,
    times: { rules: figures('rules'), handler: figures('handler'), json: figures('json') },
  };
  await new Promise((resolve) => process.send?.(sample, resolve));
}
process.disconnect?.();

/** The rules alone. */
function rules(options: TriggerCase['options'], nextEvent: TriggerCase['nextEvent']) {
  const defined = defineRules(options);
  return contender({
    name: 'rules',
    prepare: () => parseEvent(nextEvent()),
    run: async (event) => {
      evaluateRules(defined, event);
    },
  });
}

/** The function as Lambda calls it, its log and metrics written. */
function handler(options: TriggerCase['options'], nextEvent: TriggerCase['nextEvent']) {
  const trigger = createSyncTrigger({
    rules: defineRules(options),
    report: createDecisionReporter('sync-trigger'),
    logger: createLogger('sync-trigger'),
  });
  const context = createLambdaContext('sync-trigger', 'us-east-1');
  return contender({
    name: 'handler',
    prepare: () => parseEvent(nextEvent()),
    run: async (event) => {
      await trigger(event, context);
    },
  });
}

/** What any function pays: its event is read from JSON, and its answer written. */
function json(nextEvent: TriggerCase['nextEvent']) {
  return contender({
    name: 'json',
    prepare: nextEvent,
    run: async (text) => {
      JSON.stringify(JSON.parse(text));
    },
  });
}

function parseEvent(text: string): SyncTriggerEvent {
  return JSON.parse(text);
}
