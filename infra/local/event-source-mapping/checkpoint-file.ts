import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import { isObject } from '../../../lib/common/json.ts';

/** The checkpoints of one mapping, one per shard. */
export interface CheckpointStore {
  /** Time of the mapping's first start, epoch milliseconds. */
  readonly startedAt: number;
  /** Returns the last processed sequence number that this process knows. */
  get(shardId: string): string | undefined;
  /** Resolves when the checkpoint is on disk. A failed save can be repeated. */
  save(shardId: string, sequenceNumber: string): Promise<void>;
}

interface Checkpoints {
  startedAt: number;
  shards: Map<string, string>;
}

const FORMAT = 1;

/**
 * Opens the checkpoints of one mapping: the JSON file `<functionName>.<streamName>.checkpoints.json` in `directory`.
 * For a new mapping, it creates the file and, if needed, the directory. Only one process may have the file open.
 *
 * @param now returns epoch milliseconds
 * @throws {SetupError} the file cannot be read or written, or does not contain checkpoints
 */
export async function openCheckpointFile(
  { directory, functionName, streamName }: { directory: string; functionName: string; streamName: string },
  now: () => number = Date.now,
): Promise<CheckpointStore> {
  const path = join(directory, `${functionName}.${streamName}.checkpoints.json`);
  const found = await read(path);
  const { startedAt, shards } = found ?? { startedAt: now(), shards: new Map() };
  if (found === undefined) await create(directory, path, { startedAt, shards });

  let lastWrite: Promise<void> = Promise.resolve();
  return {
    startedAt,
    get: (shardId) => shards.get(shardId),
    save(shardId, sequenceNumber) {
      shards.set(shardId, sequenceNumber);
      // Serialized, because all shards share the file and its temporary name.
      const write = lastWrite.then(() => replace(path, { startedAt, shards }));
      lastWrite = write.catch(() => undefined);
      return write;
    },
  };
}

async function read(path: string): Promise<Checkpoints | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new SetupError(`cannot read the checkpoints in ${path}: ${String(error)}`);
  }
  const checkpoints = parse(text);
  if (checkpoints) return checkpoints;
  throw new SetupError(
    `${path} does not contain valid checkpoints; restore the file, or delete it to process the stream again from its start`,
  );
}

/** Parses checkpoints. Returns undefined for any other text. */
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
    throw new SetupError(`cannot write the checkpoints to ${path}: ${String(error)}`);
  }
}

/**
 * Replaces the file atomically, so that a reader sees the old or the new content, never a part. There is no fsync,
 * because the embedded database does not use it either. If a checkpoint survived a power failure but its rows did not,
 * those rows would never be written again.
 */
async function replace(path: string, { startedAt, shards }: Checkpoints): Promise<void> {
  const temporary = `${path}.tmp`;
  const content = { format: FORMAT, startedAt, shards: Object.fromEntries(shards) };
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}
