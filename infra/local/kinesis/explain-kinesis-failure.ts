/**
 * Explains why the emulator failed, and what to do.
 *
 * @param reason the text of LevelDB's error, or a verb phrase for what the emulator did, such as "ended unexpectedly"
 * @param directory directory of the streams
 */
export function explainKinesisFailure(reason: string, directory: string): string {
  if (reason.includes('No space left on device')) {
    return `no space left on ${directory}; free some space; no data is lost`;
  }
  if (/^IO error: lock\b/.test(reason)) {
    return `another process uses the streams in ${directory} (${reason}); end that process`;
  }
  if (/^Corruption: |^IO error: .*No such file/.test(reason)) {
    return `the streams in ${directory} are damaged (${reason}); stop the service, delete this directory and start the service again. Then run \`bulk-publish start\` and \`reconcile\` for each pool, because events that were not projected yet are lost`;
  }
  if (reason.startsWith('IO error: ')) {
    return `the streams in ${directory} cannot be used (${reason}); fix the cause; no data is lost`;
  }
  return `the Kinesis emulator ${reason}; the next request starts it again`;
}
