import { splitInvisible } from '../invisible.ts';

/**
 * A text that a device chose. Its writing direction does not change that of the text around it, and its invisible
 * characters are shown by name. A copy contains the text itself.
 */
export function Text({ text }: { text: string }) {
  return (
    <bdi>
      {splitInvisible(text).map(({ text: part, mark }, index) =>
        mark === null ? (
          part
        ) : (
          <span key={index} class="mark" data-mark={mark}>
            {part}
          </span>
        ),
      )}
    </bdi>
  );
}
