import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { formatBytes } from '../format.ts';
import { Preformatted } from './preformatted.tsx';

const MANY = 50_000;

/**
 * A long text that the user can open.
 * @param summary what is shown while the text is closed
 * @param format returns the text to show; called only when the user opens it
 */
export function Expandable({
  summary,
  text,
  format = (same) => same,
}: {
  summary: ComponentChildren;
  text: string;
  format?: (text: string) => string;
}) {
  const [isOpen, setOpen] = useState(false);
  const [isWhole, setWhole] = useState(false);
  const formatted = isOpen ? format(text) : '';
  const shown = isWhole ? formatted : formatted.slice(0, MANY);
  return (
    <details class="value" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {isOpen && (
        <>
          <Preformatted text={shown} />
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
