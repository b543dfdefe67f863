import { useState } from 'preact/hooks';
import { formatJson } from '../../../../lib/common/format-json.ts';
import { formatBytes, formatDate } from '../format.ts';
import { Preformatted } from './preformatted.tsx';

const SHORT = 120;
const MANY = 50_000;

/** A value of a record: one line, or on request the whole value, with JSON formatted. */
export function Value({ text }: { text: string | null }) {
  const [isOpen, setOpen] = useState(false);
  const [isWhole, setWhole] = useState(false);
  if (text === null) return <span class="quiet">(none)</span>;
  if (text === '') return <span class="quiet">(empty)</span>;
  const isLong = text.length > SHORT || text.includes('\n');
  const isJson = /^\s*[[{]/.test(text);
  if (!isLong && !isJson) return <code>{text}</code>;
  const formatted = isOpen ? formatJson(text) : '';
  const shown = isWhole ? formatted : formatted.slice(0, MANY);
  return (
    <details class="value" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <code>{text.slice(0, SHORT)}</code>
        {text.length > SHORT && <span class="quiet"> … {formatBytes(text)}</span>}
      </summary>
      {isOpen && (
        <>
          <Preformatted>{shown}</Preformatted>
          {shown.length < formatted.length && (
            <button type="button" onClick={() => setWhole(true)}>
              Show all {formatBytes(text)}
            </button>
          )}
        </>
      )}
    </details>
  );
}

/** An id, shortened in the middle. The title and copies contain the whole id. */
export function Id({ id }: { id: string | null }) {
  if (id === null) return <span class="quiet">(unknown)</span>;
  const [region, name = ''] = id.split(':');
  return (
    <code title={id} class="id">
      {name.length > 12 ? `${name.slice(0, 8)}…${name.slice(-4)}` : name || region}
    </code>
  );
}

/** A time of today, or the date. The title contains both. */
export function When({ date }: { date: string | null }) {
  const whole = formatDate(date);
  const isToday = whole.startsWith(formatDate(new Date()).slice(0, 10));
  return (
    <time title={whole} class="id">
      {isToday ? whole.slice(11) : whole.slice(0, 16)}
    </time>
  );
}
