import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { parseTimestamp } from '../../../lib/database/drivers/pg/parse-timestamp.ts';

const byPg: (text: string) => Date = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ);

describe('a timestamp of a PostgreSQL server', () => {
  it.each([
    ['in UTC', '2026-11-30 14:02:24+00', '2026-11-30T14:02:24.000Z'],
    ['with milliseconds', '2026-11-30 14:02:24.5+00', '2026-11-30T14:02:24.500Z'],
    ['with microseconds, which are cut off', '2026-11-30 14:02:24.123999+00', '2026-11-30T14:02:24.123Z'],
    ['in another zone', '2026-11-30 19:32:24.123456+05:30', '2026-11-30T14:02:24.123Z'],
    ['on a leap day', '2024-02-29 23:59:59.999999+00', '2024-02-29T23:59:59.999Z'],
    ['of the first century', '0001-01-02 00:00:00+00', '0001-01-02T00:00:00.000Z'],
    ['after the year 9999', '10000-01-02 03:04:05.678+00', '+010000-01-02T03:04:05.678Z'],
    ['before Christ', '0002-01-02 03:04:05+00 BC', '-000001-01-02T03:04:05.000Z'],
  ])('is parsed as pg parses it: %s', (_, text, iso) => {
    expect(parseTimestamp(text).toISOString()).toBe(iso);
    expect(byPg(text).toISOString()).toBe(iso);
  });

  it.each(['infinity', '-infinity'])('can be %s', (text) => {
    expect(parseTimestamp(text)).toEqual(byPg(text));
  });
});
