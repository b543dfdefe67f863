import type { ComponentChildren } from 'preact';

/** Text with its own line breaks. It scrolls if it is too long, so it can be reached with the keyboard. */
export function Preformatted({ children }: { children: ComponentChildren }) {
  // biome-ignore lint/a11y/noNoninteractiveTabindex: Without it, the text could not be scrolled with the keyboard.
  return <pre tabIndex={0}>{children}</pre>;
}
