/** A position in a section: the key of the last item of a page. */
export type Key = readonly (string | number)[];

/** A part of an export, which is read page by page. */
export interface Section<Item> {
  /** Says to the operator what the section contains. */
  name: string;
  /** @returns the items of the page, and the key after which the next page starts; null after the last page */
  readPage(after: Key | null): Promise<{ items: Item[]; next: Key | null }>;
}

/** Where an interrupted export continues. */
export interface Cursor {
  /** The number of sections that are complete. */
  section: number;
  /** The position in the next section; null at its start. */
  after: Key | null;
}
