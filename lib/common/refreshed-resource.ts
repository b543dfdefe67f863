import { countUses, type UseCount } from './count-uses.ts';
import { createRefreshed, type RefreshedOptions } from './refreshed.ts';

/** A resource with connections, whose settings can change outside the process. */
export interface RefreshedResource<Resource> {
  /**
   * Runs work with the resource. Reads the settings first if they were never read, or are older than the maximum age.
   */
  use<Result>(work: (resource: Resource) => Promise<Result>): Promise<Result>;
  /** Like `use`, but reads the settings again first, unless they were read a short time ago. */
  useLatest<Result>(work: (resource: Resource) => Promise<Result>): Promise<Result>;
}

interface ResourceOptions<Resource> extends Omit<RefreshedOptions<unknown>, 'read' | 'onReplaced'> {
  /** Reads the settings, and opens the resource. Returns the previous resource if the settings have not changed. */
  open: (previous: Resource | undefined) => Promise<Resource>;
}

/**
 * Keeps a resource and opens it again when its settings have changed; see `createRefreshed`. The previous resource is
 * closed when no work uses it any more.
 */
export function createRefreshedResource<Resource extends { close(): void }>({
  open,
  ...options
}: ResourceOptions<Resource>): RefreshedResource<Resource> {
  const current = createRefreshed<{ resource: Resource; uses: UseCount }>({
    ...options,
    async read(previous) {
      const resource = await open(previous?.resource);
      if (previous?.resource === resource) return previous;
      return { resource, uses: countUses(() => resource.close()) };
    },
    onReplaced: ({ uses }) => uses.retire(),
  });

  async function useFound<Result>(
    find: typeof current.get,
    work: (resource: Resource) => Promise<Result>,
  ): Promise<Result> {
    let found = await find();
    // The resource can be replaced and closed after it was found, before the work begins.
    while (found.uses.isRetired()) found = await current.get();
    const { resource, uses } = found;
    return uses.during(() => work(resource));
  }

  return {
    use: (work) => useFound(current.get, work),
    useLatest: (work) => useFound(current.refresh, work),
  };
}
