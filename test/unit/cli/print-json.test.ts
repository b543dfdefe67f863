import { expect, it } from 'vitest';
import { printJson } from '../../../infra/cli/terminal/print-json.ts';

it('a value is printed as one line of JSON in which no character can control a terminal', () => {
  const value = { datasetName: 'a\u202eb\u2028c\u009b\u007f"\\', counts: [1, null] };
  const lines: string[] = [];
  printJson((line) => lines.push(line), value);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[\x20-\x7e]+$/);
  expect(JSON.parse(lines[0] ?? '')).toEqual(value);
});
