import type { ServiceItem } from './service-file.ts';

/** Numbers of items in an export of a service. */
export interface ItemCounts {
  identities: number;
  datasets: number;
  records: number;
}

export interface ItemCounter {
  /** Adds items, in the order of the file. The records of a dataset may follow in a later call. */
  add(items: readonly ServiceItem[]): void;
  read(): ItemCounts;
}

/**
 * Creates a counter of items. A dataset or identity that changed during the export is in the file twice; it counts
 * once.
 * @param counted the counts of the items before the first one that is added
 */
export function createItemCounter({ identities, datasets, records }: ItemCounts = NONE): ItemCounter {
  const counts = { identity: identities, dataset: datasets, record: records, row: 0 };
  let isAgain = false;
  return {
    add(items) {
      for (const item of items) {
        if (item.type !== 'record') isAgain = 'again' in item;
        if (!isAgain) counts[item.type] += 1;
      }
    },
    read: () => ({ identities: counts.identity, datasets: counts.dataset, records: counts.record }),
  };
}

const NONE: ItemCounts = { identities: 0, datasets: 0, records: 0 };
