import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../infra/cli/command.ts';
import { outcomeOf } from '../../../infra/cli/run-command.ts';
import { createConfirm } from '../../../infra/cli/terminal/confirm.ts';
import { SetupError } from '../../../lib/common/errors.ts';

/** Opens a prompt on a terminal or on a pipe. The test writes the answer of the operator to `input`. */
function open(isTTY: boolean) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  return { input, output, confirm: createConfirm({ input, output }) };
}

describe('the confirmation prompt', () => {
  it.each(['y\n', 'YES\n', ' y \n'])('accepts %j as yes', async (typed) => {
    const { input, confirm } = open(true);
    input.write(typed);
    await expect(confirm('Proceed?')).resolves.toBeUndefined();
  });

  it.each(['\n', 'n\n', 'no\n', 'yeah\n', 'yy\n'])('treats %j as no', async (typed) => {
    const { input, output, confirm } = open(true);
    input.write(typed);
    await expect(confirm('Proceed?')).rejects.toThrow(SetupError);
    expect(String(output.read())).toContain('Proceed? [y/N] ');
  });

  it('treats the end of the input as no', async () => {
    const { input, confirm } = open(true);
    input.end();
    await expect(confirm('Proceed?')).rejects.toThrow('nothing was changed');
  });

  it('treats Ctrl+C as no', async () => {
    const { input, output, confirm } = open(true);
    input.write('\u0003');
    const outcome = outcomeOf(async () => {
      await confirm('Proceed?');
      return { exitCode: 0 };
    });
    expect(await outcome).toEqual({ exitCode: 1, error: 'nothing was changed' });
    expect(String(output.read())).toMatch(/\n$/);
  });

  it('throws without prompting if there is no terminal', async () => {
    const { input, output, confirm } = open(false);
    input.write('y\n');
    await expect(confirm('Proceed?')).rejects.toThrow(UsageError);
    expect(output.read()).toBeNull();
  });
});
