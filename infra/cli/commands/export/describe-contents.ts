import type { ItemCounts } from '../../../../lib/export/count-items.ts';
import { count } from '../../terminal/format.ts';

/** What an export of a service contains. */
export interface ServiceContents extends ItemCounts {
  pools: number;
}

/** Describes the contents of an export for the operator: `1 identity pool, 2 identities, …`. */
export function describeContents({ pools, identities, datasets, records }: ServiceContents): string {
  return [
    count(pools, 'identity pool'),
    count(identities, 'identity', 'identities'),
    count(datasets, 'dataset'),
    count(records, 'record'),
  ].join(', ');
}
