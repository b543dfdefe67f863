import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeThrown } from '../../../lib/common/thrown.ts';

const PATH = '/home/me/sync-rules.ts';

function errorAt(message: unknown, stack: unknown): Error {
  return Object.defineProperties(new Error('any'), { message: { value: message }, stack: { value: stack } });
}

function unreadable(): never {
  throw new Error('unreadable');
}

describe('describeThrown', () => {
  it('returns the message in one line, with the position in the file of the user', () => {
    const stack = `Error: two\n lines\n    at validate (file://${PATH}:7:13)\n    at other (file:///tmp/x.ts:1:1)`;
    expect(describeThrown(errorAt('two\n lines', stack))).toBe(`two lines (${PATH}:7:13)`);
  });

  it('takes the position of a syntax error from the top of the stack', () => {
    const stack = `file://${PATH}:3\nconst = 1;\n      ^\n\nSyntaxError: Unexpected token '='`;
    expect(describeThrown(errorAt('Unexpected token', stack))).toBe(`Unexpected token (${PATH}:3)`);
  });

  it('skips positions in packages', () => {
    const stack = `Error: x\n    at zod (file:///a/node_modules/zod/index.js:1:1)\n    at file://${PATH}:2:3`;
    expect(describeThrown(errorAt('x', stack))).toBe(`x (${PATH}:2:3)`);
  });

  it('skips positions in this project and in Node.js', () => {
    const lib = new URL('../../../lib/rules/public-api.ts', import.meta.url).href;
    const stack = `Error: x\n    at ${lib}:1:1\n    at load (node:internal/modules/run:1:1)\n    at async (${PATH}:2:3)`;
    expect(describeThrown(errorAt('x', stack))).toBe(`x (${PATH}:2:3)`);
  });

  it.each([
    ['an object', { a: 1 }, '{ a: 1 }'],
    ['a string', 'oops', 'oops'],
    ['undefined', undefined, 'undefined'],
    ['an error whose message is not a string', errorAt(5, ''), '5'],
    ['an error without a stack', errorAt('oops', null), 'oops'],
  ])('describes %s', (_, thrown, text) => {
    expect(describeThrown(thrown)).toBe(text);
  });

  it.each([
    ['an error whose message cannot be converted to a string', errorAt(Object.create(null), '')],
    ['an error whose properties throw when read', new Proxy(new Error('x'), { get: unreadable })],
    ['a value on which instanceof throws', new Proxy({}, { getPrototypeOf: unreadable })],
    [
      'an object whose own inspect and toString throw',
      { [inspect.custom]: unreadable, toString: unreadable },
    ],
  ])('returns a description for %s', (_, thrown) => {
    expect(describeThrown(thrown)).toMatch(/^\S.*\S$/);
  });
});
