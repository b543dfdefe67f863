import { SetupError } from '../../../lib/common/errors.ts';

/** What is wrong with a parameter, by what reads it: one line that begins with its name, or none. */
export function mistakeOf(name: string, read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof SetupError) return [`${name}: ${error.message}`];
    throw error;
  }
}

/** What is wrong with an ARN that stands in a stack's template: one line that begins with the parameter's name, or none. */
export function partitionMistakes(name: string, arn: string, region: string): string[] {
  const [, given] = arn.split(':', 2);
  const partition = partitionOf(region);
  return given === partition
    ? []
    : [`${name}: it is of the partition ${given}, and ${region} of ${partition}`];
}

/** The partition whose ARNs a region has. Source: AWS General Reference, "Amazon Resource Names". */
function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
