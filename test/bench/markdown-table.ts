import type { Table } from './measure.ts';

/** Formats a table as aligned Markdown, for the terminal and for docs/performance.md. */
export function markdownTable({ title, rows }: Table): string {
  const columns = [...new Set(Object.values(rows).flatMap((cells) => Object.keys(cells)))];
  const lines = [
    ['', ...columns],
    ...Object.entries(rows).map(([name, cells]) => [name, ...columns.map((column) => cells[column] ?? '')]),
  ];
  const widths = ['', ...columns].map((_, index) =>
    Math.max(3, ...lines.map((line) => line[index]?.length ?? 0)),
  );
  const toLine = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => (index ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, index) => (index ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width)));
  const [head = [], ...body] = lines;
  return [`${title}:`, '', ...[head, rule, ...body].map(toLine)].join('\n');
}
