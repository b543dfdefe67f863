import { readFileStamp } from './file-stamp.ts';

/**
 * A reader of files. `files` maps the path of each file to a stamp of its content, taken before the reader read the
 * file.
 */
export interface FileReader {
  readonly files: ReadonlyMap<string, string>;
}

export interface FileWatch {
  close(): void;
}

/** Time between two polls. A change must take effect within a second. */
const INTERVAL_MS = 200;

/**
 * Polls files, and reports the readers whose files have changed since they were read. Unlike file system events,
 * polling works the same on every platform and does not miss a file that is being replaced. The polling does not keep
 * the process alive.
 *
 * @param readers returns the current readers; called at each poll
 * @param onStale called with all stale readers, at each poll that finds any
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
    return setTimeout(poll, intervalMs).unref();
  }

  async function poll(): Promise<void> {
    const stamped = [...readers()];
    const paths = new Set(stamped.flatMap(({ files }) => [...files.keys()]));
    const now = new Map(await Promise.all([...paths].map(readEntry)));
    if (closed) return;
    // `now` lacks files that a reader started to read during this poll. The next poll checks them.
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
