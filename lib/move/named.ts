/** Maximum number of items of one kind that a report names. */
export const NAMED = 1_000;

/** Items of one kind in a report, such as problems. */
export interface Named<Item> {
  /** The number of all items. */
  total: number;
  /** The first items, up to `NAMED`. */
  items: Item[];
}

/** Counts an item, and names it if the limit allows. */
export function addNamed<Item>(named: Named<Item>, item: Item): void {
  named.total += 1;
  if (named.items.length < NAMED) named.items.push(item);
}
