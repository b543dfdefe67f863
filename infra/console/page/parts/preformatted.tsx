import type { ComponentChildren } from 'preact';

/**
 * Text with its own line breaks. The keyboard can reach the text, so that a long text can be scrolled without a mouse.
 */
export function Preformatted({ children }: { children: ComponentChildren }) {
  // biome-ignore lint/a11y/noNoninteractiveTabindex: Without it, the text could not be scrolled with the keyboard.
  return <pre tabIndex={0}>{children}</pre>;
}
