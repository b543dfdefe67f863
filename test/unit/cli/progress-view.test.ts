import { describe, expect, it } from 'vitest';
import { createProgressView } from '../../../infra/cli/terminal/progress-view.ts';

/** Opens a view on a terminal with this many columns, or on a pipe, and collects its output. */
function open(isTTY: boolean, columns = 80) {
  const written: string[] = [];
  let clock = 0;
  const output = { write: (text: string) => written.push(text), isTTY, columns };
  const view = createProgressView({ output, now: () => clock });
  return {
    view,
    written,
    pass: (ms: number) => {
      clock += ms;
    },
  };
}
const compared = (done: number, total: number) => ({
  text: `${done} of ${total} compared`,
  share: { done, total },
});

describe('the progress view', () => {
  it('draws a bar on a terminal, at most ten times a second, and always when complete', () => {
    const { view, written, pass } = open(true);
    view.show(compared(0, 10));
    view.show(compared(1, 10));
    pass(100);
    view.show(compared(5, 10));
    view.show(compared(10, 10));
    expect(written).toEqual([
      '\r\u001b[K[....................] 0 of 10 compared',
      '\r\u001b[K[##########..........] 5 of 10 compared',
      '\r\u001b[K[####################] 10 of 10 compared',
    ]);
  });

  it('clears its line for other output only if it has drawn the line since the last time', () => {
    const { view, written } = open(true);
    view.clear();
    view.show({ text: 'waits' });
    view.clear();
    view.clear();
    expect(written).toEqual(['\r\u001b[Kwaits', '\r\u001b[K']);
  });

  it('fits into one line of a narrow terminal and escapes control characters', () => {
    const { view, written } = open(true, 40);
    view.show({ text: `\u001b[2J${'x'.repeat(200)}` });
    expect(written[0]?.length).toBeLessThan(40);
    expect(written[0]?.slice(4)).not.toContain('\u001b');
  });

  it('writes a line to a pipe every five seconds or 10 %, or for each new text if the total is unknown', () => {
    const { view, written, pass } = open(false);
    for (let done = 0; done <= 100; done += 1) view.show(compared(done, 100));
    expect(written).toHaveLength(11);
    pass(5_000);
    view.show(compared(101, 1_000));
    for (const text of ['waits', 'waits', 'still waits']) view.show({ text });
    expect(written.slice(-3)).toEqual(['101 of 1000 compared\n', 'waits\n', 'still waits\n']);
    view.clear();
    expect(written).toHaveLength(14);
  });

  it('writes lines if a terminal reports 0 columns', () => {
    const { view, written } = open(true, 0);
    view.show({ text: 'waits' });
    view.clear();
    expect(written).toEqual(['waits\n']);
  });

  it('draws an empty bar if the total is 0', () => {
    const { view, written } = open(true);
    view.show(compared(0, 0));
    expect(written).toEqual(['\r\u001b[K[....................] 0 of 0 compared']);
  });
});
