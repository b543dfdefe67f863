import { readPayloadPolicy } from '../../../lib/common/function-settings.ts';
import { concurrencyMistakes, mistakeOf, partitionMistakes, switchMistakes } from './mistakes.ts';

/** The parameters that every deployment has; an empty string counts as not given. */
export interface CommonParameters {
  publishTrust: string;
  payloadRegions: string;
  reservedConcurrency: string;
  syncTriggerConcurrency: string;
  alarmTopic: string;
  tracing: string;
}

export const NO_COMMON: CommonParameters = {
  publishTrust: '',
  payloadRegions: '',
  reservedConcurrency: '',
  syncTriggerConcurrency: '',
  alarmTopic: '',
  tracing: '',
};

/** The values that serverless.yml needs for every deployment. */
export interface CommonDeployment {
  publishTrust: 'account' | 'any';
  payloadRegions: string;
  /** Maximum concurrency of the function `project-stream`. Null if it shares the concurrency of the account. */
  reservedConcurrency: number | null;
  /** Executions reserved for `sync-trigger`, which are also its maximum. Null if it shares those of the account. */
  syncTriggerConcurrency: number | null;
  alarmActions: string[];
  tracing: 'yes' | 'no';
  tracingMode: 'Active' | 'PassThrough';
}

const TOPIC = /^arn:[\w-]+:sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}$/;

/**
 * Checks the parameters that every deployment has.
 * @returns the problems, each one line that starts with the parameter's name
 */
export function checkCommon(given: CommonParameters, region: string): string[] {
  const { publishTrust, payloadRegions } = given;
  const { reservedConcurrency, syncTriggerConcurrency, alarmTopic, tracing } = given;
  return [
    ...(['', 'account', 'any'].includes(publishTrust)
      ? []
      : [`publishTrust: invalid value "${publishTrust}"; use account or any`]),
    ...mistakeOf('payloadRegions', () =>
      readPayloadPolicy({ PAYLOAD_REGIONS: payloadRegions, AWS_REGION: region }),
    ),
    ...concurrencyMistakes('reservedConcurrency', reservedConcurrency),
    ...concurrencyMistakes('syncTriggerConcurrency', syncTriggerConcurrency),
    ...topicMistakes(alarmTopic, region),
    ...switchMistakes('tracing', tracing),
  ];
}

function topicMistakes(alarmTopic: string, region: string): string[] {
  if (alarmTopic === '') return [];
  const topicRegion = TOPIC.exec(alarmTopic)?.[1];
  if (topicRegion === undefined) return [`alarmTopic: "${alarmTopic}" is not the ARN of an SNS topic`];
  // The topic must be in the region of the alarm. Source: Amazon CloudWatch User Guide, alarm actions.
  if (topicRegion !== region) {
    return [
      `alarmTopic: the topic is in ${topicRegion}, but the stack is in ${region}; use a topic in the region of the stack`,
    ];
  }
  return partitionMistakes('alarmTopic', alarmTopic, region);
}

export function toCommonDeployment(given: CommonParameters): CommonDeployment {
  return {
    publishTrust: given.publishTrust === 'any' ? 'any' : 'account',
    payloadRegions: given.payloadRegions,
    reservedConcurrency: toNumber(given.reservedConcurrency),
    syncTriggerConcurrency: toNumber(given.syncTriggerConcurrency),
    alarmActions: given.alarmTopic === '' ? [] : [given.alarmTopic],
    tracing: given.tracing === 'on' ? 'yes' : 'no',
    tracingMode: given.tracing === 'on' ? 'Active' : 'PassThrough',
  };
}

/** Returns the number in a parameter; null if the parameter is not given. */
function toNumber(text: string): number | null {
  return text === '' ? null : Number(text);
}
