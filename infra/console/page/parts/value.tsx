import { formatJson } from '../../../../lib/common/format-json.ts';
import { cut, formatBytes, formatDate } from '../format.ts';
import { showInvisible } from '../invisible.ts';
import { Expandable } from './expandable.tsx';
import { Text } from './text.tsx';

const SHORT_VALUE = 120;
const SHORT_NAME = 64;

/** A value of a record: one line, or on request the whole value, with JSON formatted. */
export function Value({ text }: { text: string | null }) {
  if (text === null) return <span class="quiet">(none)</span>;
  if (text === '') return <span class="quiet">(empty)</span>;
  const isLong = text.length > SHORT_VALUE || text.includes('\n');
  const isJson = /^\s*[[{]/.test(text);
  if (!isLong && !isJson) {
    return (
      <code>
        <Text text={text} />
      </code>
    );
  }
  const summary = (
    <>
      <code>
        <Text text={cut(text, SHORT_VALUE)} />
      </code>
      {text.length > SHORT_VALUE && <span class="quiet"> … {formatBytes(text)}</span>}
    </>
  );
  return <Expandable summary={summary} text={text} format={formatJson} />;
}

/** The key of a record, or the name of a dataset. A long name is shortened, and the user can open the whole name. */
export function Name({ text }: { text: string }) {
  if (text.length <= SHORT_NAME) return <Text text={text} />;
  const summary = (
    <>
      <span class="cut">
        <Text text={cut(text, SHORT_NAME)} />
      </span>
      <span class="quiet"> … {formatBytes(text)}</span>
    </>
  );
  return <Expandable summary={summary} text={text} />;
}

/** An id, shortened in the middle. The title and copies contain the whole id. */
export function Id({ id }: { id: string | null }) {
  if (id === null) return <span class="quiet">(unknown)</span>;
  const [region = '', name = ''] = id.split(':');
  return (
    <code title={showInvisible(id)} class="id">
      <Text text={name.length > 12 ? `${name.slice(0, 8)}…${name.slice(-4)}` : name || region} />
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
