import { SetupError } from '../common/errors.ts';
import { createItemCounter, type ItemCounts } from './count-items.ts';
import type { CheckedItem, ImportedPools, ImportTarget } from './ports/import-target.ts';
import { type Line, readLines } from './read-lines.ts';
import { parseLine, type ServiceItem } from './service-file.ts';
import { requireValid, type VerifiedFile, verifyFile } from './verify-file.ts';

export interface ImportProgress {
  phase: 'verifying' | 'importing';
  /** The position in the file. */
  position: number;
}

/** The counts are those of the items that this run imported. */
export interface ImportOutcome extends ImportedPools, ItemCounts {
  identityPoolIds: string[];
  /** Whether an interrupted import was continued. */
  isResumed: boolean;
  /** Lines that were not imported: their identity or pool was deleted during the export. */
  skipped: number;
}

/** A batch is one transaction. Aurora DSQL changes at most 3,000 rows and 10 MiB in a transaction. */
const BATCH_ROWS = 2_400;
const BATCH_BYTES = 3 * 1024 * 1024;

/**
 * Imports an export of a service. Verifies the complete file before it writes anything. If the import is interrupted,
 * the next run with the same file continues it.
 *
 * @param open opens the file at a position
 * @throws {SetupError} the file is invalid, or the service cannot accept it; the message says what to do
 */
export async function importService(
  {
    open,
    target,
    now,
  }: { open: (start: number) => AsyncIterable<Buffer>; target: ImportTarget; now: () => number },
  { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: ImportProgress) => void },
): Promise<ImportOutcome> {
  const verified = await verifyFile(open(0), target.check, (position) => {
    requireRunning(signal);
    onProgress({ phase: 'verifying', position });
  });
  const { exportId, startedAt, sha256 } = verified;
  const identityPoolIds = [...verified.identityPoolIds];
  const file = { exportId, startedAt, sha256, identityPoolIds };
  const start = await target.begin(file, now());
  const counter = createItemCounter();
  let skippedLines = 0;
  const lines = readLines(open(start), start);
  let from = start;
  for await (const { items, skipped, end } of batchesOf(lines, verified, target.check)) {
    requireRunning(signal);
    await target.write(file, items, { from, to: end }, now());
    from = end;
    counter.add(items);
    skippedLines += skipped;
    onProgress({ phase: 'importing', position: end });
  }
  const pools = await target.finish(file, now());
  return { identityPoolIds, isResumed: start > 0, ...counter.read(), skipped: skippedLines, ...pools };
}

/** @throws {SetupError} the operator stopped the command */
function requireRunning(signal: AbortSignal): void {
  if (signal.aborted) throw new SetupError('stopped; run the same command again to continue the import');
}

interface Batch {
  items: ServiceItem[];
  skipped: number;
  /** The position after the last line of the batch. */
  end: number;
}

/** Divides the lines into batches. The end line is not a part of any batch. */
async function* batchesOf(
  lines: AsyncIterable<Line>,
  verified: VerifiedFile,
  check: ImportTarget['check'],
): AsyncGenerator<Batch> {
  const isSkipped = createFilter(verified);
  let batch: Batch = { items: [], skipped: 0, end: 0 };
  let keys = new Set<string>();
  let rows = 0;
  let bytes = 0;
  for await (const line of lines) {
    const start = line.end - line.bytes.length;
    if (start >= verified.end) break;
    const parsed = parseLine(line.bytes.toString());
    if (parsed?.type === 'header') continue;
    const checked = requireValid(parsed && check(parsed), start);
    if (isSkipped(checked)) {
      // A batch never ends between a skipped dataset and its records. Otherwise, a run that continues there would not
      // skip these records.
      batch.skipped += 1;
      batch.end = line.end;
      continue;
    }
    const isFull = rows + checked.rows > BATCH_ROWS || bytes + line.bytes.length > BATCH_BYTES;
    // A dataset or an identity that is in the file twice is written in two batches: one statement cannot write a row
    // twice.
    if (batch.items.length > 0 && (isFull || checked.keys.some((key) => keys.has(key)))) {
      yield batch;
      batch = { items: [], skipped: 0, end: 0 };
      keys = new Set();
      rows = 0;
      bytes = 0;
    }
    batch.items.push(checked.item);
    batch.end = line.end;
    for (const key of checked.keys) keys.add(key);
    rows += checked.rows;
    bytes += line.bytes.length;
  }
  if (batch.end > 0) yield batch;
}

/**
 * Returns a function that finds data of pools and identities that were deleted during the export. The records of a
 * dataset follow it in the file. If an interrupted import continues between a dataset and its records, the dataset was
 * not skipped, so the records are not skipped either.
 */
function createFilter({ identityPoolIds, deletedHashes }: VerifiedFile): (checked: CheckedItem) => boolean {
  let isDatasetSkipped = false;
  return ({ item, identityPoolId, identityHash }) => {
    if (item.type === 'record') return isDatasetSkipped;
    const isSkipped =
      (identityPoolId !== null && !identityPoolIds.has(identityPoolId)) ||
      (identityHash !== null && deletedHashes.has(identityHash));
    if (item.type === 'dataset') isDatasetSkipped = isSkipped;
    return isSkipped;
  };
}
