import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FailureRecord } from './failure-record.ts';

/** Stores discarded records, so that none is lost. */
export interface FailureDestination {
  /**
   * Resolves when the record is stored. A failed call can be repeated. A call that a crash interrupted is repeated as
   * well, so the same records may be stored twice.
   */
  keep(record: FailureRecord): Promise<void>;
}

/**
 * Stores records as files. `directory` replaces the bucket, and the files have the content and the keys of the objects
 * that Lambda writes.
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
      // The checkpoint moves past these records next, so they must be on disk before the checkpoint is.
      await writeFile(temporary, JSON.stringify(record), { flush: true, mode: 0o600 });
      await rename(temporary, path);
    },
  };
}

/**
 * Returns the key of an object in a failure destination,
 * `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`. Source: AWS Lambda Developer Guide,
 * "Retain discarded batch records for a Kinesis Data Streams event source in Lambda".
 */
export function failureKey(mappingUuid: string, record: FailureRecord, random: string): string {
  const { timestamp, KinesisBatchInfo } = record;
  const day = timestamp.slice(0, 'YYYY-MM-DD'.length).replaceAll('-', '/');
  const second = timestamp.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replaceAll(':', '.');
  return `aws/lambda/${mappingUuid}/${KinesisBatchInfo.shardId}/${day}/${second}-${random}`;
}
