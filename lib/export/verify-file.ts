import { createHash, type Hash } from 'node:crypto';
import { SetupError } from '../common/errors.ts';
import type { CheckedItem, ImportTarget } from './ports/import-target.ts';
import { type Line, readLines } from './read-lines.ts';
import { EXPORT_FILE, parseLine, type Row, readHeader, type ServiceHeader } from './service-file.ts';

/** What the import must know about a file before it writes anything. */
export interface VerifiedFile extends ServiceHeader {
  /** The hash of the complete file, in hexadecimal. */
  sha256: string;
  /** The position of the end line, after the last item. */
  end: number;
  identityPoolIds: ReadonlySet<string>;
  /** Hashes of the identities that were deleted. Data that was exported before the deletion must not come back. */
  deletedHashes: ReadonlySet<string>;
}

/**
 * Reads a complete export of a service and checks it: its version, the hash of its content, and each line.
 *
 * @param onProgress receives the position in the file
 * @param kind the kind of file that the operator should use
 * @throws {SetupError} the file is not a valid export; the message names the position, never content
 */
export async function verifyFile(
  chunks: AsyncIterable<Buffer>,
  check: ImportTarget['check'],
  onProgress: (position: number) => void,
  kind = EXPORT_FILE,
): Promise<VerifiedFile> {
  const hash = createHash('sha256');
  const identityPoolIds = new Set<string>();
  const deletedHashes = new Set<string>();
  let header: ServiceHeader | null = null;
  let ended: { end: number; sha256: string } | null = null;
  let datasetId: Row[string] | undefined = null;
  for await (const line of readLines(chunks, 0)) {
    const start = line.end - line.bytes.length;
    if (ended) throw invalid(start, 'follows the end of the export');
    const parsed = parseLine(line.bytes.toString());
    if (header === null) header = readHeader(parsed, kind);
    else if (parsed?.type === 'end') ended = { end: start, sha256: endHash(hash, parsed.sha256, line) };
    else {
      const { item, identityPoolId, isPool, deletedHash } = requireValid(parsed && check(parsed), start);
      // The records of a dataset must follow it, because only the line of the dataset names the pool and the identity.
      if (item.type !== 'record') datasetId = item.type === 'dataset' ? item.row.dataset_id : null;
      else if (item.row.dataset_id !== datasetId)
        throw invalid(start, 'does not belong to the dataset before it');
      if (isPool && identityPoolId !== null) identityPoolIds.add(identityPoolId);
      if (deletedHash !== null) deletedHashes.add(deletedHash);
    }
    if (!ended) hash.update(line.bytes);
    onProgress(line.end);
  }
  if (header === null) throw new SetupError(`the file is empty; create one with \`${kind.command}\``);
  if (ended === null)
    throw new SetupError('the file has no end: it is truncated; copy it again, or use another file');
  return { ...header, ...ended, identityPoolIds, deletedHashes };
}

/** @returns the hash of the complete file */
function endHash(hash: Hash, expected: unknown, { bytes }: Line): string {
  if (hash.copy().digest('hex') !== expected) {
    throw new SetupError(
      'the checksum of the file is wrong: its content was changed; copy it again, or use another file',
    );
  }
  return hash.update(bytes).digest('hex');
}

export function requireValid(checked: CheckedItem | null, start: number): CheckedItem {
  if (checked === null) throw invalid(start, 'is invalid, or was written by a newer version');
  return checked;
}

function invalid(start: number, problem: string): SetupError {
  return new SetupError(
    `the line at byte ${start} of the file ${problem}; copy the file again, or use another file`,
  );
}
