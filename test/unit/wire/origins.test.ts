import { describe, expect, it } from 'vitest';
import { DEFAULT_CREDENTIALS } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { readOrigins } from '../../../lib/common/read-origins.ts';
import { createOriginRule } from '../../../lib/wire/origins.ts';

const OWN = { accessKeyId: 'own', secretAccessKey: 'own secret' };
const NEAR = [
  'http://localhost:3000',
  'https://localhost',
  'http://127.0.0.1:8080',
  'http://[::1]:5173',
  'capacitor://localhost',
  'ionic://localhost',
];
const FOREIGN = [
  'https://app.example',
  'null',
  'http://localhost.evil.example',
  'http://127.0.0.1.evil.example',
  'https://evil.example:4580',
  'file://',
  'ftp://localhost',
  'capacitor://localhost.evil',
  'http://localhost/',
  'http://localhost@evil.example',
  '',
  'localhost',
];

describe('with the default credentials', () => {
  const accepts = createOriginRule(null, [DEFAULT_CREDENTIALS]);
  it.each(NEAR)('pages of %s may send requests', (origin) => {
    expect(accepts(origin)).toBe(true);
  });
  it.each(FOREIGN)('pages of "%s" may not send requests', (origin) => {
    expect(accepts(origin)).toBe(false);
  });
  it('ORIGINS allows further origins', () => {
    const withOrigins = createOriginRule(['https://app.example', 'null'], [DEFAULT_CREDENTIALS]);
    expect(['https://app.example', 'null', ...NEAR].map(withOrigins)).not.toContain(false);
    expect(
      ['https://app.example:8443', 'http://app.example', 'https://evil.example'].map(withOrigins),
    ).not.toContain(true);
  });
});

describe('with credentials other than the default', () => {
  it('pages of any origin may send requests', () => {
    expect([...NEAR, ...FOREIGN].map(createOriginRule(null, [OWN]))).not.toContain(false);
  });
  it('ORIGINS restricts the allowed origins', () => {
    const accepts = createOriginRule(['https://app.example'], [OWN]);
    expect(accepts('https://app.example')).toBe(true);
    expect([...NEAR, 'https://evil.example'].map(accepts)).not.toContain(true);
  });
});

describe('readOrigins', () => {
  it.each([
    [undefined, null],
    [' ', null],
    ['https://app.example', ['https://app.example']],
    [
      'https://App.Example:443/, http://10.0.0.1:8080,capacitor://app,null',
      ['https://app.example', 'http://10.0.0.1:8080', 'capacitor://app', 'null'],
    ],
  ])('reads %j', (ORIGINS, expected) => {
    expect(readOrigins({ ORIGINS })).toEqual(expected);
  });

  it.each([
    'app.example',
    '*',
    'https://app.example/path',
    'https://app.example?x',
    'https://user:secret@app.example',
    'https://app.example,',
    'mailto:me@app.example',
    'file:///page.html',
  ])('rejects %s', (ORIGINS) => {
    expect(() => readOrigins({ ORIGINS })).toThrow(SetupError);
    expect(() => readOrigins({ ORIGINS })).toThrow(
      /^invalid ORIGINS: entry \d is not an origin; use origins such as/,
    );
  });
});
