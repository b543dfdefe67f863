import type { Cursor, Section } from './ports/section.ts';

export const START: Cursor = { section: 0, after: null };

/**
 * Reads sections page by page. The next page is read only when the consumer asks for it, so a slow consumer does not
 * increase the use of memory.
 *
 * @param from where an earlier run ended
 * @returns the items of each page, and the position at which an export continues after it has written these items
 */
export async function* readSections<Item>(
  sections: readonly Section<Item>[],
  from: Cursor,
): AsyncGenerator<{ section: string; items: Item[]; cursor: Cursor }> {
  let cursor = from;
  for (const section of sections.slice(from.section)) {
    do {
      const { items, next } = await section.readPage(cursor.after);
      const index = cursor.section;
      cursor = next === null ? { section: index + 1, after: null } : { section: index, after: next };
      yield { section: section.name, items, cursor };
    } while (cursor.after !== null);
  }
}
