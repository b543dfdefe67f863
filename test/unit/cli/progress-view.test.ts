import { describe, expect, it } from 'vitest';
import { createProgressView } from '../../../infra/cli/terminal/progress-view.ts';

/** What is written to a terminal that is so wide, or to a pipe. */
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
const of = (done: number, total: number) => ({
  text: `${done} of ${total} compared`,
  share: { done, total },
});

describe('how far a command has come', () => {
  it('is one line with a bar on a terminal, ten times a second at most, and the end always', () => {
    const { view, written, pass } = open(true);
    view.show(of(0, 10));
    view.show(of(1, 10));
    pass(100);
    view.show(of(5, 10));
    view.show(of(10, 10));
    expect(written).toEqual([
      '\r\u001b[K[....................] 0 of 10 compared',
      '\r\u001b[K[##########..........] 5 of 10 compared',
      '\r\u001b[K[####################] 10 of 10 compared',
    ]);
  });

  it('makes room for other lines, once', () => {
    const { view, written } = open(true);
    view.clear();
    view.show({ text: 'waits' });
    view.clear();
    view.clear();
    expect(written).toEqual(['\r\u001b[Kwaits', '\r\u001b[K']);
  });

  it('stays on one line of a narrow terminal, and does not drive it', () => {
    const { view, written } = open(true, 40);
    view.show({ text: `\u001b[2J${'x'.repeat(200)}` });
    expect(written[0]?.length).toBeLessThan(40);
    expect(written[0]?.slice(4)).not.toContain('\u001b');
  });

  it('is lines in a pipe: each five seconds or tenth, and each that differs where there is no share', () => {
    const { view, written, pass } = open(false);
    for (let done = 0; done <= 100; done += 1) view.show(of(done, 100));
    expect(written).toHaveLength(11);
    pass(5_000);
    view.show(of(101, 1_000));
    for (const text of ['waits', 'waits', 'still waits']) view.show({ text });
    expect(written.slice(-3)).toEqual(['101 of 1000 compared\n', 'waits\n', 'still waits\n']);
    view.clear();
    expect(written).toHaveLength(14);
  });

  it('is lines where a terminal says that it has no columns', () => {
    const { view, written } = open(true, 0);
    view.show({ text: 'waits' });
    view.clear();
    expect(written).toEqual(['waits\n']);
  });

  it('has an end where there is nothing to do', () => {
    const { view, written } = open(true);
    view.show(of(0, 0));
    expect(written).toEqual(['\r\u001b[K[....................] 0 of 0 compared']);
  });
});
