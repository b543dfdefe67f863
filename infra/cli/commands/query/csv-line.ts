/**
 * Formats a row as a line of CSV (RFC 4180). NULL is an empty field, and an empty text is `""`, as in PostgreSQL's
 * COPY.
 */
export function csvLine(row: readonly (string | null)[]): string {
  return `${row.map(csvField).join(',')}\r\n`;
}

function csvField(value: string | null): string {
  if (value === null) return '';
  return value === '' || /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
