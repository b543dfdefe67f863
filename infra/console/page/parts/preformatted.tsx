import { Text } from './text.tsx';

/**
 * Text with its own line breaks. The keyboard can reach the text, so that a long text can be scrolled without a mouse.
 */
export function Preformatted({ text }: { text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: Without it, the text could not be scrolled with the keyboard.
    <pre tabIndex={0}>
      <Text text={text} />
    </pre>
  );
}
