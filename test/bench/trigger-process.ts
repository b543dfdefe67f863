import { defineRules } from 'cognito-sync-backend/rules';
import { createSyncTrigger } from '../../functions/sync-trigger.ts';
import { createLambdaContext } from '../../infra/local/lambda-context.ts';
import { createDecisionReporter, createLogger } from '../../lib/aws/telemetry.ts';
import { evaluateRules } from '../../lib/rules/evaluate-rules.ts';
import type { SyncTriggerEvent } from '../../lib/rules/sync-trigger-event.ts';
import { contender, quantile, timesInRotation } from './measure.ts';
import type { TriggerSample } from './trigger.ts';
import { type TriggerCase, triggerCases } from './trigger-cases.ts';

// trigger.ts runs this file as a child process and discards its standard output. This process sends the measured times
// of each case to trigger.ts.
const ROUNDS = { rounds: 1_000, warmUp: 200 };

for (const { name, options, nextEvent } of triggerCases()) {
  const times = await timesInRotation(
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

/** Evaluates only the rules. */
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

/** Runs the function as Lambda calls it, including its log and metrics. */
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

/** Measures the minimum cost of any function, which must parse its event and write its response as JSON. */
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
