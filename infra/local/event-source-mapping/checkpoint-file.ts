import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import { isObject } from '../../../lib/common/json.ts';
import { diskError } from '../../../lib/database/full-disk.ts';

/** Stores the checkpoints of one event source mapping, one checkpoint per shard. */
export interface CheckpointStore {
  /** When the mapping was started for the first time, in epoch milliseconds. */
  readonly startedAt: number;
  /**
   * Returns the sequence number of the shard's last processed record: the number that was read from the file, or passed
   * to `save` since then. Undefined if the shard has no checkpoint.
   */
  get(shardId: string): string | undefined;
  /** Resolves when the checkpoint is written to the file. If the call fails, the caller can repeat it. */
  save(shardId: string, sequenceNumber: string): Promise<void>;
}

export interface CheckpointFile extends CheckpointStore {
  /** Returns the shards that have a checkpoint. */
  shardIds(): string[];
  /** Removes the checkpoint of a shard, so that the shard is read from its start. Resolves as `save` does. */
  forget(shardId: string): Promise<void>;
}

interface Checkpoints {
  startedAt: number;
  shards: Map<string, string>;
}

const FORMAT = 1;

/**
 * Opens the checkpoints of one mapping. They are stored in the JSON file `<functionName>.<streamName>.checkpoints.json`
 * in `directory`. For a new mapping, this function creates the file and, if needed, the directory. Only one process at
 * a time may have the file open.
 *
 * @param now returns epoch milliseconds
 * @throws {SetupError} the file cannot be read or written, or does not contain checkpoints
 */
export async function openCheckpointFile(
  { directory, functionName, streamName }: { directory: string; functionName: string; streamName: string },
  now: () => number = Date.now,
): Promise<CheckpointFile> {
  const path = join(directory, `${functionName}.${streamName}.checkpoints.json`);
  const found = await read(path);
  const { startedAt, shards } = found ?? { startedAt: now(), shards: new Map() };
  if (found === undefined) await create(directory, path, { startedAt, shards });

  let lastWrite: Promise<void> = Promise.resolve();
  function write(): Promise<void> {
    // Writes are serialized, because all shards share the file and the name of its temporary copy.
    const writing = lastWrite.then(() => replace(path, { startedAt, shards }));
    lastWrite = writing.catch(() => undefined);
    return writing;
  }
  return {
    startedAt,
    get: (shardId) => shards.get(shardId),
    shardIds: () => [...shards.keys()],
    save(shardId, sequenceNumber) {
      shards.set(shardId, sequenceNumber);
      return write();
    },
    forget(shardId) {
      shards.delete(shardId);
      return write();
    },
  };
}

async function read(path: string): Promise<Checkpoints | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new SetupError(
      `cannot read the checkpoints in ${path}: ${String(error)}; make the file readable and start again`,
    );
  }
  const checkpoints = parse(text);
  if (checkpoints) return checkpoints;
  throw new SetupError(
    `${path} does not contain valid checkpoints; restore the file, or delete it to process the stream again from its start`,
  );
}

/** Parses checkpoints. Returns undefined if the text does not contain valid checkpoints. */
function parse(text: string): Checkpoints | undefined {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(content) || content.format !== FORMAT || !isObject(content.shards)) return undefined;
  if (typeof content.startedAt !== 'number' || !Number.isFinite(content.startedAt)) return undefined;
  const shards = new Map<string, string>();
  for (const [shardId, sequenceNumber] of Object.entries(content.shards)) {
    if (typeof sequenceNumber !== 'string' || !/^\d+$/.test(sequenceNumber)) return undefined;
    shards.set(shardId, sequenceNumber);
  }
  return { startedAt: content.startedAt, shards };
}

async function create(directory: string, path: string, checkpoints: Checkpoints): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await replace(path, checkpoints);
  } catch (error) {
    throw diskError(
      path,
      error,
      `cannot write the checkpoints to ${path}: ${String(error)}; check the permissions and the disk space`,
    );
  }
}

/**
 * Replaces the file atomically: a reader sees either the old or the new content, never a mixture. The file is not
 * flushed to disk with fsync, because the embedded database does not call fsync either. If a checkpoint survived a
 * power failure, but the rows that were written before it did not, those rows would never be written again.
 */
async function replace(path: string, { startedAt, shards }: Checkpoints): Promise<void> {
  const temporary = `${path}.tmp`;
  const content = { format: FORMAT, startedAt, shards: Object.fromEntries(shards) };
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}
