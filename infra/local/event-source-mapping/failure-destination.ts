import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FailureRecord } from './failure-record.ts';

/** Where discarded records go, so that discarding loses nothing. */
export interface FailureDestination {
  /**
   * Resolves when the record is kept. A keep that failed may be called again; one that a crash has cut short is, so
   * the same records may be kept twice.
   */
  keep(record: FailureRecord): Promise<void>;
}

/**
 * Keeps records as files: `directory` takes the place of the bucket, and the files are the objects that Lambda puts
 * there, under the same keys.
 *
 * @param mappingUuid of the event source mapping
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
      // The checkpoint moves past these records next: they have to be on disk before it is.
      await writeFile(temporary, JSON.stringify(record), { flush: true });
      await rename(temporary, path);
    },
  };
}

/**
 * The key of an object in a failure destination,
 * `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`.
 * Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source in
 * Lambda".
 */
export function failureKey(mappingUuid: string, record: FailureRecord, random: string): string {
  const { timestamp, KinesisBatchInfo } = record;
  const day = timestamp.slice(0, 'YYYY-MM-DD'.length).replaceAll('-', '/');
  const second = timestamp.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replaceAll(':', '.');
  return `aws/lambda/${mappingUuid}/${KinesisBatchInfo.shardId}/${day}/${second}-${random}`;
}
