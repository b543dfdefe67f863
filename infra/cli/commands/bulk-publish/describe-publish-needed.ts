import { timeText } from '../../terminal/format.ts';

/** That people who came in a gap may be missing, and what brings them: in one line. @param after epoch milliseconds */
export function describePublishNeeded(identityPoolId: string, after: number): string {
  return `a bulk publish is needed: none that began after ${timeText(after)} is in the query store; run \`bulk-publish start --pool ${identityPoolId}\``;
}
