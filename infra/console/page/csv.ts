import type { SqlTable } from './model.ts';

/**
 * Writes a result as CSV (RFC 4180). A text that a spreadsheet would run as a formula starts with an apostrophe, because
 * devices write the values. Source: OWASP, "CSV Injection".
 */
export function toCsv({ columns, rows }: Pick<SqlTable, 'columns' | 'rows'>): string {
  return [columns.map(({ name }) => name), ...rows].map((row) => row.map(toField).join(',')).join('\r\n');
}

function toField(text: string | null): string {
  if (text === null) return '';
  const isFormula = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text));
  const safe = isFormula ? `'${text}` : text;
  return safe === '' || /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
