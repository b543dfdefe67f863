import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../../../lib/common/errors.ts';
import { isObject } from '../../../lib/common/json.ts';

/** How far one mapping has come in each shard. */
export interface CheckpointStore {
  /** When this mapping was first started, epoch milliseconds. */
  readonly startedAt: number;
  /** The last sequence number processed, as far as this process knows. */
  get(shardId: string): string | undefined;
  /** Resolves when it is on disk. A save that failed may be called again. */
  save(shardId: string, sequenceNumber: string): Promise<void>;
}

interface Checkpoints {
  startedAt: number;
  shards: Map<string, string>;
}

const FORMAT = 1;

/**
 * Opens the checkpoints of one mapping, a JSON file `<functionName>.<streamName>.checkpoints.json` in
 * `directory` (made if need be); creates it for a mapping that is new. Only one process may have it open.
 *
 * @param now epoch milliseconds
 * @throws {SetupError} the file cannot be read or written, or does not hold checkpoints
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
      // One after the other: all shards share the file and its temporary name.
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
    `${path} does not hold checkpoints of a stream; put the file back, or delete it to have the stream delivered again from its start`,
  );
}

/** The checkpoints in the text, undefined if there are none to be made out. */
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
 * A reader sees the old file or the new one, never a part. There is no fsync: the embedded database does
 * without as well, and a checkpoint that outlived a power cut which the rows did not would lose them.
 */
async function replace(path: string, { startedAt, shards }: Checkpoints): Promise<void> {
  const temporary = `${path}.tmp`;
  const content = { format: FORMAT, startedAt, shards: Object.fromEntries(shards) };
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`);
  await rename(temporary, path);
}
