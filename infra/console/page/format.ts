const NUMBER = new Intl.NumberFormat('en');

/** `12,345`. Text that is not a safe integer is returned unchanged. */
export function formatCount(count: number | string): string {
  const number = Number(count);
  return Number.isSafeInteger(number) ? NUMBER.format(number) : String(count);
}

/** `850 ms`, `3.2 s`, `4 min`, `5 h`, `6 d`. */
export function formatDuration(milliseconds: number): string {
  const units: [string, number, number][] = [
    ['ms', 1, 1_000],
    ['s', 1_000, 60_000],
    ['min', 60_000, 3_600_000],
    ['h', 3_600_000, 86_400_000],
  ];
  const [unit, size] = units.find(([, , end]) => milliseconds < end) ?? ['d', 86_400_000];
  const value = milliseconds / size;
  return `${unit === 's' && value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** `2026-07-30 12:00:00` in the user's time zone. */
export function formatDate(date: string | Date | null): string {
  if (date === null) return '–';
  const at = typeof date === 'string' ? new Date(toIso(date)) : date;
  if (Number.isNaN(at.getTime())) return String(date);
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}

/** PostgreSQL writes `2026-07-30 12:00:00+00`, which browsers do not read. */
function toIso(date: string): string {
  return date.replace(/^(\d{4}-\d\d-\d\d) /, '$1T').replace(/([+-]\d\d)$/, '$1:00');
}

export function formatTime(date: Date): string {
  return formatDate(date).slice(11);
}

/** `1.5 kB`. */
export function formatBytes(text: string): string {
  const bytes = new Blob([text]).size;
  if (bytes < 1_000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export function plural(count: number | string, what: string, others = `${what}s`): string {
  return `${formatCount(count)} ${Number(count) === 1 ? what : others}`;
}

/** The start of a text, without half of a character at its end. */
export function cut(text: string, length: number): string {
  return text.slice(0, length).replace(/[\ud800-\udbff]$/, '');
}
