import { readFileStamp } from './file-stamp.ts';

/** One that has read files: by path, their stamps from just before. */
export interface FileReader {
  readonly files: ReadonlyMap<string, string>;
}

export interface FileWatch {
  close(): void;
}

/** Well within the second that a change is live in. */
const INTERVAL_MS = 200;

/**
 * Looks again and again whether files are what they were when they were read: unlike events of the file system, that is
 * the same everywhere, and knows no file that is missed while it is replaced. It does not keep the process alive.
 *
 * @param readers asked for at each look
 * @param onStale told of those that have read what is not there any more, at least one, at each look
 */
export function watchFiles<Reader extends FileReader>({
  readers,
  onStale,
  intervalMs = INTERVAL_MS,
}: {
  readers: () => Iterable<Reader>;
  onStale: (stale: readonly Reader[]) => void;
  intervalMs?: number;
}): FileWatch {
  let closed = false;
  let timer = schedule();

  function schedule(): NodeJS.Timeout {
    return setTimeout(look, intervalMs).unref();
  }

  async function look(): Promise<void> {
    const stamped = [...readers()];
    const paths = new Set(stamped.flatMap(({ files }) => [...files.keys()]));
    const now = new Map(await Promise.all([...paths].map(readEntry)));
    if (closed) return;
    // One that has begun to read another file meanwhile is looked at the next time.
    const stale = stamped.filter(({ files }) =>
      [...files].some(([path, stamp]) => now.has(path) && now.get(path) !== stamp),
    );
    timer = schedule();
    if (stale.length > 0) onStale(stale);
  }

  return {
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

async function readEntry(path: string): Promise<[path: string, stamp: string]> {
  return [path, await readFileStamp(path)];
}
