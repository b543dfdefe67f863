import { MAX_MARKS, splitInvisible } from '../invisible.ts';

/**
 * A text that a device chose. Its writing direction does not change that of the text around it, and its invisible
 * characters are shown by name, at most MAX_MARKS of them. A copy contains the text itself.
 */
export function Text({ text }: { text: string }) {
  const { parts, rest } = splitInvisible(text, MAX_MARKS);
  return (
    <bdi>
      {parts.map(({ text: part, mark }, index) =>
        mark === null ? (
          part
        ) : (
          <span key={index} class="mark" data-mark={mark}>
            {part}
          </span>
        ),
      )}
      {rest !== '' && <span class="mark" data-mark="more invisible characters, not shown by name" />}
      {rest}
    </bdi>
  );
}
