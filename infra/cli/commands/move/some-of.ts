/** Maximum number of items of one kind that are printed as text. The JSON names up to `NAMED` items (lib/move). */
const PRINTED = 20;

/**
 * Describes the first items of a list, one per line, and says how many more exist.
 * @param about `total`: the number of all items, if `items` is only a part of them. `indent`: the start of each line
 */
export function someOf<Item>(
  items: readonly Item[],
  describeItem: (item: Item) => string,
  { total = items.length, indent = '  ' }: { total?: number; indent?: string } = {},
): string[] {
  const printed = items.slice(0, PRINTED);
  const rest = total - printed.length;
  return [
    ...printed.map((item) => indent + describeItem(item)),
    ...(rest > 0 ? [`${indent}and ${rest} more (see --json)`] : []),
  ];
}
