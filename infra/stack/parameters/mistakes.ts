import { SetupError } from '../../../lib/common/errors.ts';

/**
 * Calls `read`, which reads and checks a parameter. If `read` throws a SetupError, returns its message as one line that
 * starts with the name of the parameter. Otherwise returns an empty list.
 */
export function mistakeOf(name: string, read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof SetupError) return [`${name}: ${error.message}`];
    throw error;
  }
}

/** Checks that the parameter `name` is `on`, `off` or not given. */
export function switchMistakes(name: string, text: string): string[] {
  return ['', 'on', 'off'].includes(text) ? [] : [`${name}: invalid value "${text}"; use on or off`];
}

const MAX_CONCURRENCY = 10_000;

/** Checks the parameter `name`, a number of concurrent executions. */
export function concurrencyMistakes(name: string, text: string): string[] {
  if (text === '' || (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_CONCURRENCY)) return [];
  return [`${name}: invalid value "${text}"; use a whole number from 1 to ${MAX_CONCURRENCY}`];
}

/**
 * Checks that an ARN is in the partition of the region. Otherwise, returns one line that starts with `name`, the name
 * of the parameter.
 */
export function partitionMistakes(name: string, arn: string, region: string): string[] {
  const [, given] = arn.split(':', 2);
  const partition = partitionOf(region);
  return given === partition
    ? []
    : [`${name}: the ARN is in the partition ${given}, but ${region} is in ${partition}`];
}

/** Returns the partition in the ARNs of a region. Source: AWS General Reference, "Amazon Resource Names". */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
