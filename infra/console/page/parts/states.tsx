import type { ComponentChildren } from 'preact';
import { ApiError } from '../api.ts';
import { MAX_MARKS, splitInvisible } from '../invisible.ts';
import type { Loaded } from '../use-load.ts';
import { Text } from './text.tsx';

/** Shows the state of a load instead of its data: loading, an error with a way to retry, or an empty list. */
export function LoadState({
  of: { data, error, isLoading, reload },
  empty,
}: {
  of: Loaded<unknown>;
  empty?: ComponentChildren;
}) {
  // The frame of the page says that the server does not answer, and the data is loaded when it answers again.
  if (error instanceof ApiError && error.status === 0) return null;
  if (error !== undefined) {
    return (
      <div class="note bad" role="alert">
        <p>
          <Text text={error.message} />
        </p>
        <button type="button" onClick={reload}>
          Try again
        </button>
      </div>
    );
  }
  if (data === undefined) return isLoading ? <p class="quiet">Loading …</p> : null;
  return Array.isArray(data) && data.length === 0 ? <Empty>{empty}</Empty> : null;
}

/** Says why nothing is shown, and what the user can do. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="note">{children}</div>;
}

export function Note({ kind, children }: { kind?: 'bad' | 'warn' | 'good'; children: ComponentChildren }) {
  return (
    <div class={`note ${kind ?? ''}`} role={kind === 'bad' ? 'alert' : 'status'}>
      {typeof children === 'string' ? <Text text={children} /> : children}
    </div>
  );
}

const MAX_NAMES = 10;

/** Names the first invisible characters of a text in a text field, which cannot show them. */
export function InvisibleNote({ text }: { text: string }) {
  const { parts, rest } = splitInvisible(text, MAX_MARKS);
  const marks = [...new Set(parts.flatMap(({ mark }) => mark?.split(' ')[0] ?? []))];
  if (marks.length === 0) return null;
  return (
    <Note kind="warn">
      The text contains invisible characters, which this field does not show:{' '}
      {marks.slice(0, MAX_NAMES).join(', ')}
      {(marks.length > MAX_NAMES || rest !== '') && ' …'}
    </Note>
  );
}
