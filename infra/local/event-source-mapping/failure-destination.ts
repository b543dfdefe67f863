import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FailureRecord } from './failure-record.ts';

/** Stores the records that the event source mapping discards, so that no record is lost. */
export interface FailureDestination {
  /**
   * Resolves when the failure record is stored. The caller may repeat a call that failed. If a crash interrupts a call,
   * the mapping repeats the call after the next start, so the same records may be stored twice.
   */
  keep(record: FailureRecord): Promise<void>;
}

/**
 * Stores failure records as files in `directory`, in place of the S3 bucket that AWS uses. Each file has the content
 * and the key of the object that Lambda would write.
 *
 * @param mappingUuid UUID of the event source mapping
 */
export function createFailureDirectory({
  directory,
  mappingUuid,
}: {
  directory: string;
  mappingUuid: string;
}): FailureDestination {
  return {
    async keep(record) {
      const path = join(directory, failureKey(mappingUuid, record, randomUUID()));
      await mkdir(dirname(path), { recursive: true });
      const temporary = `${path}.tmp`;
      // The next checkpoint skips these records. The file is therefore flushed to disk, so that it cannot be lost while
      // the checkpoint survives.
      await writeFile(temporary, JSON.stringify(record), { flush: true, mode: 0o600 });
      await rename(temporary, path);
    },
  };
}

/**
 * Returns the key of an object in a failure destination:
 * `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`. Source: AWS Lambda Developer Guide,
 * "Retain discarded batch records for a Kinesis Data Streams event source in Lambda".
 */
export function failureKey(mappingUuid: string, record: FailureRecord, random: string): string {
  const { timestamp, KinesisBatchInfo } = record;
  const day = timestamp.slice(0, 'YYYY-MM-DD'.length).replaceAll('-', '/');
  const second = timestamp.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replaceAll(':', '.');
  return `aws/lambda/${mappingUuid}/${KinesisBatchInfo.shardId}/${day}/${second}-${random}`;
}
