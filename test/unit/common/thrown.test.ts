import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeThrown } from '../../../lib/common/thrown.ts';

const PATH = '/home/me/sync-rules.ts';

function errorAt(message: unknown, stack: unknown): Error {
  return Object.defineProperties(new Error('any'), { message: { value: message }, stack: { value: stack } });
}

function unreadable(): never {
  throw new Error('it may not be looked at');
}

describe('what a rule threw, in words', () => {
  it('is its message in one line, with the place in the file of the user', () => {
    const stack = `Error: two\n lines\n    at validate (file://${PATH}:7:13)\n    at other (file:///tmp/x.ts:1:1)`;
    expect(describeThrown(errorAt('two\n lines', stack))).toBe(`two lines (${PATH}:7:13)`);
  });

  it('is the place at the top where it is a syntax error', () => {
    const stack = `file://${PATH}:3\nconst = 1;\n      ^\n\nSyntaxError: Unexpected token '='`;
    expect(describeThrown(errorAt('Unexpected token', stack))).toBe(`Unexpected token (${PATH}:3)`);
  });

  it('passes over places in packages', () => {
    const stack = `Error: x\n    at zod (file:///a/node_modules/zod/index.js:1:1)\n    at file://${PATH}:2:3`;
    expect(describeThrown(errorAt('x', stack))).toBe(`x (${PATH}:2:3)`);
  });

  it('passes over places in this project and in Node', () => {
    const lib = new URL('../../../lib/rules/rules.ts', import.meta.url).href;
    const stack = `Error: x\n    at ${lib}:1:1\n    at load (node:internal/modules/run:1:1)\n    at async (${PATH}:2:3)`;
    expect(describeThrown(errorAt('x', stack))).toBe(`x (${PATH}:2:3)`);
  });

  it.each([
    ['an object', { a: 1 }, '{ a: 1 }'],
    ['a text', 'oops', 'oops'],
    ['nothing', undefined, 'undefined'],
    ['an error whose message is no text', errorAt(5, ''), '5'],
    ['an error whose stack is none', errorAt('oops', null), 'oops'],
  ])('is the words of %s', (_, thrown, text) => {
    expect(describeThrown(thrown)).toBe(text);
  });

  it.each([
    ['an error whose message no text can be made of', errorAt(Object.create(null), '')],
    ['an error that may not be looked at', new Proxy(new Error('x'), { get: unreadable })],
    ['what may not even be asked whether it is an error', new Proxy({}, { getPrototypeOf: unreadable })],
    [
      'an object that says itself how it is shown, and throws',
      { [inspect.custom]: unreadable, toString: unreadable },
    ],
  ])('is told of %s', (_, thrown) => {
    expect(describeThrown(thrown)).toMatch(/^\S.*\S$/);
  });
});
