import { lettersOf, widthOf } from './terminal-text.ts';

const GAP = '  ';
/** Minimum width of a column, so that it is readable. */
const MIN_WIDTH = 8;

/**
 * Formats rows as lines of columns. If the terminal is too narrow, the widest columns shrink and their cells wrap onto
 * further lines.
 *
 * @param rows the header first, all with the same number of cells; a cell is one line
 * @param columns width of the terminal; undefined if the output is not a terminal
 */
export function formatTable(rows: readonly (readonly string[])[], columns: number | undefined): string[] {
  const widths = fitWidths(rows, columns ?? Number.POSITIVE_INFINITY);
  return rows.flatMap((row) => {
    const cells = row.map((cell, index) => wrap(cell, widths[index] ?? MIN_WIDTH));
    const height = Math.max(...cells.map(({ length }) => length));
    return Array.from({ length: height }, (_, line) =>
      cells
        .map((lines, index) => pad(lines[line] ?? '', widths[index] ?? MIN_WIDTH))
        .join(GAP)
        .trimEnd(),
    );
  });
}

function fitWidths(rows: readonly (readonly string[])[], columns: number): number[] {
  const [head = []] = rows;
  const widths = head.map((_, index) => Math.max(...rows.map((row) => widthOf(row[index] ?? ''))));
  let excess = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - columns;
  for (; excess > 0; excess -= 1) {
    const widest = Math.max(...widths);
    if (widest <= MIN_WIDTH) break;
    widths[widths.indexOf(widest)] = widest - 1;
  }
  return widths;
}

/** Wraps a cell between words. A word that is wider than the column is split. */
function wrap(cell: string, width: number): string[] {
  const lines = [''];
  for (const word of cell.split(/(?<= )/).flatMap((text) => pieces(text, width))) {
    const line = lines.at(-1) ?? '';
    if (widthOf(line + word.trimEnd()) > width && line !== '') lines.push(word);
    else lines[lines.length - 1] = line + word;
  }
  return lines.map((line) => line.trimEnd());
}

function pieces(word: string, width: number): string[] {
  const found = [''];
  for (const letter of lettersOf(word)) {
    const piece = found.at(-1) ?? '';
    if (letter !== ' ' && widthOf(piece + letter) > width) found.push(letter);
    else found[found.length - 1] = piece + letter;
  }
  return found;
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}
