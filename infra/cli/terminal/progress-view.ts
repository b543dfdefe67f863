import { toSafeLine } from '../../../lib/common/text.ts';
import type { Progress } from '../command.ts';
import { cutTo, widthOf } from './terminal-text.ts';

/** Displays the progress of a command. */
export interface ProgressView {
  show(progress: Progress): void;
  /**
   * Erases the progress line so that other lines can be printed. The next call of `show` draws the progress line below
   * them.
   */
  clear(): void;
}

interface ProgressViewDeps {
  output: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  /** Current time in milliseconds. */
  now: () => number;
}

/** Minimum time between two redraws, so that the line is readable. */
const REDRAW_MS = 100;
/**
 * Limits on the number of lines if the output is not a terminal. A line is written when `LINE_MS` have passed since the
 * last line, or when `LINE_SHARE` of the work was done since the last line.
 */
const LINE_MS = 5_000;
const LINE_SHARE = 0.1;

const BAR_WIDTH = 20;
const COLUMNS_BY_DEFAULT = 80;
const CLEAR_LINE = '\r\u001b[K';

/**
 * Creates a progress view. On a terminal, the view is one line that is redrawn, with a bar if the total is known.
 * Otherwise, the view writes plain lines.
 */
export function createProgressView(deps: ProgressViewDeps): ProgressView {
  // A line cannot be redrawn on a terminal that reports 0 columns, as some pseudo terminals do.
  return deps.output.isTTY && deps.output.columns !== 0 ? onTerminal(deps) : inLines(deps);
}

function onTerminal({ output, now }: ProgressViewDeps): ProgressView {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  return {
    show(progress) {
      if (now() - drawnAt < REDRAW_MS && !isComplete(progress)) return;
      drawnAt = now();
      isDrawn = true;
      output.write(CLEAR_LINE + fitTo(withBar(progress), output.columns ?? COLUMNS_BY_DEFAULT));
    },
    clear() {
      if (isDrawn) output.write(CLEAR_LINE);
      isDrawn = false;
    },
  };
}

function inLines({ output, now }: ProgressViewDeps): ProgressView {
  let last: { text: string; at: number; done: number } | null = null;
  return {
    show(progress) {
      const { text, share } = progress;
      const done = share ? share.done / Math.max(share.total, 1) : 0;
      if (last?.text === text) return;
      const isDue = !last || now() - last.at >= LINE_MS || done - last.done >= LINE_SHARE;
      if (share && !isDue && !isComplete(progress)) return;
      last = { text, at: now(), done };
      output.write(`${toSafeLine(text)}\n`);
    },
    clear: () => undefined,
  };
}

function isComplete({ share }: Progress): boolean {
  return share !== undefined && share.done >= share.total;
}

function withBar({ text, share }: Progress): string {
  if (!share) return text;
  const filled = Math.round((BAR_WIDTH * Math.min(share.done, share.total)) / Math.max(share.total, 1));
  return `[${'#'.repeat(filled)}${'.'.repeat(BAR_WIDTH - filled)}] ${text}`;
}

/** Shortens a text to one line of the terminal, because a line that wraps cannot be redrawn. */
function fitTo(text: string, columns: number): string {
  const line = toSafeLine(text);
  return widthOf(line) < columns ? line : cutTo(Math.max(1, Math.floor(columns / 2)), line);
}
