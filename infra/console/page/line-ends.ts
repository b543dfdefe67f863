const LINE_END = /\r\n|\r|\n/g;

/** Returns the different line ends of a text, in the order in which they first occur. */
export function lineEndsOf(text: string): string[] {
  return [...new Set(text.match(LINE_END))];
}

/**
 * Gives an edited text the line end of the original. A text area of a browser contains only LF. If the original has no
 * line end, or different ones, returns the text unchanged.
 */
export function restoreLineEnds(edited: string, original: string): string {
  const [lineEnd, ...others] = lineEndsOf(original);
  return lineEnd === undefined || others.length > 0 ? edited : edited.replace(LINE_END, lineEnd);
}
