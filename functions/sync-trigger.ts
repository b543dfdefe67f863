import { channel } from 'node:diagnostics_channel';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createDecisionReporter, createLogger } from '../lib/aws/telemetry.ts';
import { requireSyncRules } from '../lib/rules/define-rules.ts';
import { evaluateRules } from '../lib/rules/evaluate-rules.ts';
import type { SyncRules } from '../lib/rules/rules-model.ts';
import type { SyncTriggerEvent } from '../lib/rules/sync-trigger-event.ts';
import { DECISIONS_CHANNEL, type RuleDecision } from '../lib/rules/verdict.ts';
import * as rulesFile from '../sync-rules.ts';

export type SyncTriggerHandler = (event: SyncTriggerEvent, context: Context) => Promise<SyncTriggerEvent>;

interface SyncTriggerDeps {
  rules: SyncRules;
  /** Receives the decisions of one invocation. It is not called if the rules made no decision. */
  report: (decisions: readonly RuleDecision[]) => void;
  logger: Logger;
}

/**
 * Maximum decisions in a log line. One invocation can refuse 1,024 keys of 1,024 characters, too many for one line.
 */
const MAX_LOGGED = 50;

/**
 * Applies the sync rules to an identity's update and returns the resulting event. If the rules reject the update, the
 * handler throws an error with the reason. Cognito returns the text of the error to the device, and Lambda writes the
 * text to the log.
 */
export function createSyncTrigger({ rules, report, logger }: SyncTriggerDeps): SyncTriggerHandler {
  return middy<SyncTriggerEvent, SyncTriggerEvent>()
    .use(injectLambdaContext(logger))
    .handler(async (event) => {
      const verdict = evaluateRules(rules, event);
      const { decisions } = verdict;
      if (decisions.length > 0) {
        logger.info('applied sync rules', {
          mode: rules.mode,
          identityPoolId: event.identityPoolId,
          identityId: event.identityId,
          datasetName: event.datasetName,
          count: decisions.length,
          decisions: decisions.slice(0, MAX_LOGGED),
        });
        report(decisions);
      }
      if (verdict.kind === 'rejected') throw new Error(verdict.reason);
      return verdict.event;
    });
}

const reportMetrics = createDecisionReporter('sync-trigger');
/** The local cloud subscribes to this channel and shows the decisions. In AWS, the channel has no subscriber. */
const decisionsMade = channel(DECISIONS_CHANNEL);

/** Lambda's entry point. */
export const handler: SyncTriggerHandler = createSyncTrigger({
  rules: requireSyncRules(rulesFile.default),
  report(decisions) {
    reportMetrics(decisions);
    decisionsMade.publish(decisions);
  },
  logger: createLogger('sync-trigger'),
});
